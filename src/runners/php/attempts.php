<?php
// `platform.once`, `retry` and `fail`: what the script of a queued run says to the attempts after this one.
// Invariant: what `once` gives back was remembered before, unless the run is no queued one.
declare(strict_types=1);

namespace Tenon\Runner;

use DreamFactory\Core\Exceptions\RestException;

final class Attempts
{
    // As in ../protocol.ts.
    private const METHOD = 'once';
    private const KNOWN = 200;
    private const FORGETFUL = 205;

    /** `platform.once`: what a function gave in the first attempt in which it came to its end. */
    public static function once($key, $work): mixed
    {
        if ((!is_string($key) && !is_int($key)) || !is_callable($work)) {
            throw new \InvalidArgumentException('platform.once takes a key and a function.');
        }
        [$status, $body] = self::sent((string) $key, null);
        if ($status === self::KNOWN) return json_decode($body, true);
        $value = Run::$current->insideOnce((string) $key, $work);
        if ($status === self::FORGETFUL) return $value;
        $text = EventView::json($value);
        self::sent((string) $key, $text);
        // As later attempts get it, so that they do the same.
        return json_decode($text, true);
    }

    /** `platform.retry`: throws what asks for another try of the run. */
    public static function retry($afterSeconds, $reason = null): never
    {
        if ((!is_int($afterSeconds) && !is_float($afterSeconds)) || !is_finite($afterSeconds) || $afterSeconds < 0) {
            throw new \InvalidArgumentException('platform.retry takes the number of seconds until the next try, and a reason.');
        }
        throw new RetryException($afterSeconds, (string) $reason ?: 'The script asked to be tried again later.');
    }

    /** `platform.fail`: throws what forbids another try of the run. */
    public static function fail($reason = null): never
    {
        throw new GiveUpException((string) $reason ?: 'The script gave up.');
    }

    /** In how many seconds what was thrown asks for another try; false: never, null: it says nothing. */
    public static function retryOf(\Throwable $thrown): int|float|false|null
    {
        $context = method_exists($thrown, 'getContext') ? $thrown->getContext() : null;
        $said = is_array($context) ? $context : [];
        if (($thrown->retry ?? $said['retry'] ?? null) === false) return false;
        $after = $thrown->retry_after ?? $said['retry_after'] ?? null;
        return (is_int($after) || is_float($after)) && is_finite($after) && $after >= 0 ? $after : null;
    }

    private static function sent(string $key, ?string $text): array
    {
        [$status, , $body] = Run::$current->call(self::METHOD, $key, '', $text);
        if ($status < 400) return [$status, $body];
        $error = json_decode($body, true)['error'] ?? [];
        throw new RestException($status, $error['message'] ?? 'Nothing can be remembered.', $error['code'] ?? $status);
    }
}

final class RetryException extends RestException
{
    public function __construct(public readonly int|float $retry_after, string $reason)
    {
        parent::__construct(503, $reason);
    }
}

final class GiveUpException extends RestException
{
    public readonly bool $retry;

    public function __construct(string $reason)
    {
        $this->retry = false;
        parent::__construct(500, $reason);
    }
}
