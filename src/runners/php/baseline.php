<?php
// Nothing of one run may be visible to the next: finds what a script left in the process.
// Invariant: what was left is not put back but ends the process.
declare(strict_types=1);

namespace Tenon\Runner;

final class Baseline
{
    private array $before;

    public function __construct()
    {
        $this->before = self::state();
    }

    /** Whether the process is as it was. */
    public function isWhole(): bool
    {
        return self::state() === $this->before;
    }

    private static function state(): array
    {
        $handler = set_error_handler(null);
        restore_error_handler();
        $thrower = set_exception_handler(null);
        restore_exception_handler();
        return [
            count(get_defined_functions()['user']),
            count(get_declared_classes()),
            count(get_defined_constants()),
            ini_get_all(null, false),
            getenv(),
            getcwd(),
            ob_get_level(),
            spl_autoload_functions() === false ? 0 : count(spl_autoload_functions()),
            is_object($handler) ? spl_object_id($handler) : $handler,
            is_object($thrower) ? spl_object_id($thrower) : $thrower,
            date_default_timezone_get(),
            setlocale(LC_ALL, '0'),
            stream_get_wrappers(),
            function_exists('mb_internal_encoding') ? [mb_internal_encoding(), mb_substitute_character(), mb_language()] : [],
        ];
    }
}
