<?php
// Anything that a script can throw, told as plain data.
// Invariant: describing never throws, and names no path of this machine.
declare(strict_types=1);

namespace Tenon\Runner;

final class ThrownValue
{
    private const EVALUATED = "/\S+\.php\(\d+\) : eval\(\)'d code(\(\d+\) : eval\(\)'d code)*/";
    private const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE
        | JSON_PARTIAL_OUTPUT_ON_ERROR;

    /** JSON of `{message, code?, status?, context?, retry?, line?, stack?}`. */
    public static function json(\Throwable $thrown): string
    {
        $told = ['message' => self::withoutPaths($thrown->getMessage())];
        try {
            $told += self::told($thrown);
        } catch (\Throwable) {
            // Its own methods threw; the message is enough.
        }
        return json_encode($told, self::FLAGS) ?: '{"message":"The script threw an error that cannot be told."}';
    }

    /** JSON of an error of ours, or of PHP itself. */
    public static function ofMessage(string $message, int $line = 0, array $more = []): string
    {
        $told = ['message' => self::withoutPaths($message)] + ($line > 0 ? ['line' => $line] : []) + $more;
        return json_encode($told, self::FLAGS);
    }

    public static function withoutPaths(string $text): string
    {
        return str_replace(__DIR__ . '/', '', preg_replace(self::EVALUATED, 'script', $text) ?? $text);
    }

    public static function isOfScript(string $file): bool
    {
        return str_ends_with($file, "eval()'d code");
    }

    private static function told(\Throwable $thrown): array
    {
        $told = [];
        $code = $thrown->getCode();
        if ($code !== 0 && (is_int($code) || is_string($code))) $told['code'] = $code;
        if (method_exists($thrown, 'getStatusCode')) $told['status'] = (int) $thrown->getStatusCode();
        if (method_exists($thrown, 'getContext')) $told['context'] = $thrown->getContext();
        $retry = Attempts::retryOf($thrown);
        if ($retry !== null) $told['retry'] = $retry;
        $places = self::places($thrown);
        if ($places !== []) $told['line'] = $places[0];
        $lines = array_map(static fn (int $line): string => "    line $line", array_slice($places, 0, 50));
        $name = get_debug_type($thrown);
        $told['stack'] = implode("\n", [self::withoutPaths($name . ': ' . substr($thrown->getMessage(), 0, 1_000)), ...$lines]);
        return $told;
    }

    // Lines of the script, innermost first.
    private static function places(\Throwable $thrown): array
    {
        $frames = [['file' => $thrown->getFile(), 'line' => $thrown->getLine()], ...$thrown->getTrace()];
        // A text that is no program was thrown by whoever read it.
        $isUnread = $thrown instanceof \ParseError && in_array(dirname($thrown->getFile()), ['', '.', __DIR__], true);
        if ($isUnread) return [$thrown->getLine()];
        $own = array_filter($frames, static fn (array $frame): bool => self::isOfScript($frame['file'] ?? ''));
        return array_column($own, 'line');
    }
}
