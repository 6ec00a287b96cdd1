<?php
// Puts the values of lookups into texts when a script runs.
// Invariant: a name that the session does not know stays in the text as it was written; no value becomes code.
declare(strict_types=1);

namespace Tenon\Runner;

final class Lookups
{
    /** What a text must hold to be looked at when the script runs. */
    public const PATTERN = '/\{([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?\}/';

    /** The text with each name replaced that the session has a value for. */
    public static function replaced(string $text, array $session): string
    {
        return preg_replace_callback(
            self::PATTERN,
            static function (array $found) use ($session): string {
                $value = isset($found[2])
                    ? self::own($session, $found[1], $found[2])
                    : ($session['lookup'][$found[1]] ?? $session['lookup_secret'][$found[1]] ?? null);
                if ($value === null || is_array($value)) return $found[0];
                return is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
            },
            $text,
        ) ?? $text;
    }

    private static function own(array $session, string $name, string $part): mixed
    {
        return in_array($name, ['user', 'role', 'app'], true) ? $session[$name][$part] ?? null : null;
    }
}
