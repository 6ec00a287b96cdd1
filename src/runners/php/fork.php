<?php
// Runs what may leave something behind in a fork of this process, as a web server's PHP would: fresh each time.
// Invariant: the frame of the run goes through this process, which adds that it must be given up when anything is
// left of the fork: a process, or a file.
declare(strict_types=1);

namespace Tenon\Runner;

final class Fork
{
    // Place of the flags in a result: behind length, kind, id and ending.
    private const FLAGS_AT = 22;

    /** In a child: where its frame goes. */
    private static $way = null;

    public static function isPossible(): bool
    {
        return function_exists('pcntl_fork') && function_exists('pcntl_waitpid');
    }

    public static function isChild(): bool
    {
        return self::$way !== null;
    }

    /**
     * The frame that a child makes; null when it died without one, false when there can be no child now. `$work` runs
     * in the child.
     * @param \Closure(): string $work
     */
    public static function frameOf(\Closure $work): string|false|null
    {
        $pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $child = $pair === false ? -1 : @pcntl_fork();
        if ($child === -1) return false;
        if ($child === 0) {
            fclose($pair[0]);
            self::$way = $pair[1];
            self::tell($work());
        }
        fclose($pair[1]);
        $frame = self::received($pair[0]);
        pcntl_waitpid($child, $status);
        if ($frame === null) return null;
        // More than one frame: a fork of the fork answered, too.
        $size = 4 + unpack('V', $frame)[1];
        $isAlone = strlen($frame) === $size;
        $frame = substr($frame, 0, $size);
        if (!$isAlone || self::isHeld($pair[0]) || count(scandir('.') ?: []) > 2) {
            $frame[self::FLAGS_AT] = chr(ord($frame[self::FLAGS_AT]) | Run::RETIRES);
        }
        return $frame;
    }

    /** In a child: hands over the frame once functions that the script left for the end have run. */
    public static function tell(string $frame): never
    {
        Loop::$frame = $frame;
        exit;
    }

    /** In a child: the last thing it does. Nothing of it runs after that, not even destructors. */
    public static function finish(string $frame): never
    {
        @fwrite(self::$way, $frame);
        if (function_exists('posix_kill')) posix_kill(getmypid(), SIGKILL);
        exit;
    }

    private static function received($stream): ?string
    {
        stream_set_read_buffer($stream, 0);
        $frame = '';
        do {
            $chunk = @fread($stream, 65_536);
            if ($chunk === false || $chunk === '') return null;
            $frame .= $chunk;
        } while (strlen($frame) < 5 || strlen($frame) < 4 + unpack('V', $frame)[1]);
        return $frame;
    }

    // Whatever the child started holds the other end as long as it lives.
    private static function isHeld($stream): bool
    {
        stream_set_blocking($stream, false);
        $rest = fread($stream, 1);
        return ($rest !== '' && $rest !== false) || !feof($stream);
    }
}
