<?php
// Puts the values of lookups into texts when a script runs.
// Invariant: a name that the session does not know stays in the text as it was written; no value becomes code.
declare(strict_types=1);

namespace Tenon\Runner;

final class Lookups
{
    /** What a text must hold to be looked at when the script runs. */
    public const PATTERN = '/\{([A-Za-z_][\w.]*)\}/';

    /** The text with each name replaced that the session has a value for. */
    public static function replaced(string $text, array $session): string
    {
        return preg_replace_callback(
            self::PATTERN,
            static function (array $found) use ($session): string {
                $name = $found[1];
                $value = $session['lookup'][$name] ?? $session['lookup_secret'][$name] ?? self::own($session, $name);
                if ($value === null || is_array($value)) return $found[0];
                return is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
            },
            $text,
        ) ?? $text;
    }

    private static function own(array $session, string $name): mixed
    {
        // The one that the script sees as its session's, good for this run.
        if ($name === 'session.token') return $session['session_token'] ?? null;
        [$owner, $part] = explode('.', $name, 2) + [1 => ''];
        return in_array($owner, ['user', 'role', 'app'], true) ? $session[$owner][$part] ?? null : null;
    }
}
