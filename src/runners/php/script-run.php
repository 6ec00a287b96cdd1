<?php
// One run: what it prints, calls and leaves, and the frame that tells how it ended.
// Invariant: ends with exactly one frame, whatever the script does.
declare(strict_types=1);

namespace Tenon\Runner;

final class Run
{
    private const RESULT = 17;
    private const FINISHED = 0;
    private const THREW = 1;
    private const EXITED = 2;
    public const STOPS = 1;
    public const RETIRES = 2;
    private const ABSENT = "\xff\xff\xff\xff";
    private const LOG_FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE;

    public static ?Run $current = null;

    public readonly EventView $view;
    private string $output = '';
    private string $printed = '';
    private array $lines = [];
    private int $left;
    private ?array $session = null;
    /** Headers by lower-case name: name and value. */
    private array $headers = [];
    private int $responseCode = 0;
    private int $calls = 0;
    private int $transactions = 0;
    /** Number of the transaction that calls join; 0: none. */
    private int $transaction = 0;
    /** The key of `platform.once` in whose function calls are made, behind those of the ones around. */
    private ?string $once = null;
    /** `[code, text]` once the script said that it leaves. */
    private ?array $leaves = null;

    public function __construct(
        public readonly string $id,
        public readonly Program $program,
        private bool $wantsChanges,
        array $texts,
        private Settings $settings,
        private ?Channel $channel,
    ) {
        $this->view = new EventView($texts, $program->text?->parts ?? 0);
        $this->left = $settings->logBytes;
    }

    /** Runs the script in this process and gives its frame. */
    public function perform(): string
    {
        try {
            $text = $this->program->text();
            $platform = $text->platform === [] ? [] : Platform::of($this, $text->platform, $this->settings->config);
            if ($this->program->isPristine && $text->isPristine) {
                $returned = evaluatedApart($this->view->event, $platform);
            } else {
                $returned = $this->program->body()($this->view->event, $platform);
            }
            self::closeBuffers();
            if ($text->leavesErrors) self::forgetErrors();
            return $this->finished($returned);
        } catch (\Throwable $thrown) {
            return $this->threw($thrown);
        }
    }

    /** The script ended the process: by `exit`, in a library, or by an error that nothing can catch. */
    public function ended(): string
    {
        $error = error_get_last();
        $isFatal = $error !== null && ($error['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_RECOVERABLE_ERROR)) !== 0;
        if (!$isFatal || $this->leaves !== null) return $this->left();
        $line = ThrownValue::isOfScript($error['file']) ? $error['line'] : 0;
        $message = explode("\nStack trace:", $error['message'])[0];
        return $this->result(self::THREW, ThrownValue::ofMessage($message, $line));
    }

    public function threw(\Throwable $thrown): string
    {
        self::closeBuffers();
        self::forgetErrors();
        return $this->result(self::THREW, ThrownValue::json($thrown));
    }

    /** A text of our own in place of a result. */
    public function refused(string $message, int $line = 0, array $more = []): string
    {
        return $this->result(self::THREW, ThrownValue::ofMessage($message, $line, $more));
    }

    public function answered(string $returned): string
    {
        return $this->result(self::FINISHED, null, $returned);
    }

    public function session(): array
    {
        return $this->session ??= $this->view->session();
    }

    /** Asks the platform: `[status, headers, body]`. */
    public function call(string $method, string $path, string $options, ?string $payload): array
    {
        return $this->channel->call($this->id, ++$this->calls, $this->transaction, [$method, $path, $options, $payload, $this->once]);
    }

    /** Does work in a transaction: kept when it returns, undone when it throws. */
    public function inTransaction(string $service, callable $work): mixed
    {
        $outer = $this->transaction;
        $number = ++$this->transactions;
        $this->transact(Transaction::BEGIN, $number, $outer, $service);
        $this->transaction = $number;
        try {
            $value = $work();
            $this->transact(Transaction::COMMIT, $number, $outer, $service);
            return $value;
        } catch (\Throwable $thrown) {
            $this->channel->transact($this->id, ++$this->calls, [Transaction::ROLLBACK, $number, $outer], $service);
            throw $thrown;
        } finally {
            $this->transaction = $outer;
        }
    }

    /** Does the work of `platform.once`. */
    public function insideOnce(string $key, callable $work): mixed
    {
        $outer = $this->once;
        $this->once = $outer === null ? $key : "$outer\n$key";
        try {
            return $work();
        } finally {
            $this->once = $outer;
        }
    }

    private function transact(int $step, int $number, int $outer, string $service): void
    {
        [$status, , $body] = $this->channel->transact($this->id, ++$this->calls, [$step, $number, $outer], $service);
        if ($status >= 400) throw Transaction::refusal($status, $body);
    }

    /** Takes what the script prints. */
    public function print(string $text): void
    {
        if ($this->left <= 0) return;
        $kept = strlen($text) > $this->left ? substr($text, 0, $this->left) : $text;
        $this->output .= $kept;
        $this->left -= strlen($kept);
    }

    /** A line of PHP itself. */
    public function warn(string $text): void
    {
        $this->closeLine();
        if ($this->left <= 0) return;
        $this->lines[] = ['warn', substr($text, 0, $this->left)];
        // The marks around each line count too, or endless short lines would cost nothing.
        $this->left -= strlen($text) + 16;
    }

    public function header(string $header, bool $replace, int $code): void
    {
        if ($code > 0) $this->responseCode = $code;
        if (preg_match('#^HTTP/[\d.]+ (\d{3})#i', $header, $found) === 1) {
            $this->responseCode = (int) $found[1];
            return;
        }
        if (!str_contains($header, ':')) return;
        [$name, $value] = array_map('trim', explode(':', $header, 2));
        if (strcasecmp($name, 'location') === 0 && $code === 0 && $this->responseCode === 0) $this->responseCode = 302;
        $key = strtolower($name);
        $before = $this->headers[$key][1] ?? null;
        $this->headers[$key] = [$name, $replace || $before === null ? $value : "$before, $value"];
    }

    public function removeHeader(?string $name): void
    {
        if ($name === null) $this->headers = [];
        else unset($this->headers[strtolower($name)]);
    }

    public function headerLines(): array
    {
        return array_map(static fn (array $header): string => "$header[0]: $header[1]", array_values($this->headers));
    }

    public function responseCode(int $code): int|bool
    {
        $before = $this->responseCode;
        if ($code > 0) $this->responseCode = $code;
        return $before > 0 ? $before : ($code > 0 ? true : 200);
    }

    public function requestHeaders(): array
    {
        return $this->view->superglobals()[2];
    }

    public function leave(int $code, string $text): void
    {
        $this->leaves = [$code, $text];
    }

    private function finished(mixed $returned): string
    {
        if ($this->view->isEvent($returned)) $returned = null;
        $headers = array_column($this->headers, 1, 0);
        $value = null;
        if ($returned) $value = EventView::json($headers === [] ? $returned : $this->withHeaders($returned, $headers));
        $changes = $this->wantsChanges ? $this->view->changes($returned ? [] : $headers) : EventView::UNCHANGED;
        return $this->result(self::FINISHED, null, $value, $changes, $this->view->isStopped());
    }

    // A returned value is the whole answer, so what `header()` said must travel with it.
    private function withHeaders(mixed $returned, array $headers): mixed
    {
        if (is_object($returned)) $returned = json_decode(EventView::json($returned), true);
        $isMap = is_array($returned) && !array_is_list($returned);
        if ($isMap && (isset($returned['error']) || isset($returned['request']))) return $returned;
        if ($isMap && is_array($returned['response'] ?? null)) {
            return ['response' => $this->withHeaders($returned['response'], $headers)] + $returned;
        }
        if (!$isMap || (!array_key_exists('content', $returned) && !isset($returned['status_code']))) $returned = ['content' => $returned];
        $given = $returned['headers'] ?? [];
        return ['headers' => (is_array($given) ? $given : []) + $headers] + $returned;
    }

    // `exit` ends the request with what was printed (recorded). A script that may not change the answer refuses.
    private function left(): string
    {
        [$code, $text] = $this->leaves ?? [0, ''];
        if ($code !== 0) return $this->result(self::EXITED, null, null, EventView::UNCHANGED, false, $code);
        $status = $this->responseCode > 0 ? $this->responseCode : 200;
        $text = $this->printed . $this->output . $text;
        if (!$this->wantsChanges) {
            $message = trim(strip_tags($text));
            return $this->refused($message === '' ? 'The script ended the request.' : $message, 0, $status >= 400 ? ['status' => $status] : []);
        }
        $headers = array_column($this->headers, 1, 0);
        $type = $this->headers['content-type'][1] ?? 'text/html; charset=UTF-8';
        $meta = ['status_code' => $status, 'content_type' => $type, 'headers' => (object) $headers];
        if (preg_match('//u', $text) !== 1) $text = htmlspecialchars_decode(htmlspecialchars($text, ENT_SUBSTITUTE));
        return $this->result(self::EXITED, null, null, EventView::answer($meta, $text));
    }

    // What `json_last_error` and `preg_last_error` would tell the next run.
    private static function forgetErrors(): void
    {
        json_encode(0);
        preg_match('//', '');
    }

    // Those that the script opened; ours stays.
    public static function closeBuffers(): void
    {
        while (ob_get_level() > 1 && @ob_end_flush());
    }

    private function closeLine(): void
    {
        if ($this->output === '') return;
        $this->lines[] = ['log', rtrim($this->output, "\n")];
        $this->printed .= $this->output;
        $this->output = '';
    }

    private function result(
        int $ending,
        ?string $error,
        ?string $returned = null,
        string $changes = EventView::UNCHANGED,
        bool $stops = false,
        int $code = 0,
    ): string {
        $head = chr(self::RESULT) . $this->id . chr($ending) . ($stops ? "\x01" : "\0");
        if ($this->output !== '') $this->closeLine();
        // What most runs are is written at once; large changes are measured below like everything else.
        if ($error === null && $returned === null && $code === 0 && $this->lines === [] && strlen($changes) < 65_536) {
            $body = $head . "\0\0\0\0" . self::ABSENT . self::ABSENT . self::ABSENT . $changes;
            return pack('V', strlen($body)) . $body;
        }
        if ($this->left <= 0) $this->lines[] = ['warn', 'Further output of this run was dropped.'];
        $log = $this->lines === [] ? null : json_encode($this->lines, self::LOG_FLAGS);
        $body = $head . pack('V', $code) . self::optional($error) . self::optional($log) . self::optional($returned) . $changes;
        if (strlen($body) <= $this->settings->resultBytes + $this->settings->logBytes * 2) return pack('V', strlen($body)) . $body;
        $this->lines = [];
        $message = "The result of the script is larger than {$this->settings->resultBytes} bytes.";
        return $this->refused($message, 0, ['code' => 'script.output_too_large']);
    }

    private static function optional(?string $text): string
    {
        return $text === null ? self::ABSENT : pack('V', strlen($text)) . $text;
    }
}
