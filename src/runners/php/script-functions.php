<?php
// Functions that scripts and their libraries call: those that PHP has behind a web server only, and Laravel's.
// Invariant: what they say is kept with the run, and is gone with it.
declare(strict_types=1);

namespace Tenon\Runner {
    function header(string $header, bool $replace = true, int $response_code = 0): void
    {
        Run::$current?->header($header, $replace, $response_code);
    }

    function header_remove(?string $name = null): void
    {
        Run::$current?->removeHeader($name);
    }

    function headers_list(): array
    {
        return Run::$current?->headerLines() ?? [];
    }

    function headers_sent(&$filename = null, &$line = null): bool
    {
        return false;
    }

    function http_response_code(int $response_code = 0): int|bool
    {
        return Run::$current?->responseCode($response_code) ?? false;
    }

    function setcookie(string $name, $value = '', $expires_or_options = 0, $path = '', $domain = '', $secure = false, $httponly = false): bool
    {
        $options = is_array($expires_or_options)
            ? array_change_key_case($expires_or_options)
            : ['expires' => $expires_or_options, 'path' => $path, 'domain' => $domain, 'secure' => $secure, 'httponly' => $httponly];
        $text = rawurlencode($name) . '=' . rawurlencode((string) $value);
        if (!empty($options['expires'])) $text .= '; expires=' . gmdate('D, d-M-Y H:i:s', (int) $options['expires']) . ' GMT';
        foreach (['path', 'domain', 'samesite'] as $part) if (!empty($options[$part])) $text .= "; $part=" . $options[$part];
        if (!empty($options['secure'])) $text .= '; secure';
        if (!empty($options['httponly'])) $text .= '; HttpOnly';
        header("Set-Cookie: $text");
        return true;
    }

    function error_log(string $message, int $type = 0, ?string $destination = null, ?string $headers = null): bool
    {
        Run::$current?->warn($message);
        return true;
    }

    /** What `exit` and `die` of a script became. */
    function leave(mixed $status = 0): never
    {
        Run::$current?->leave(is_int($status) ? $status : 0, is_int($status) ? '' : (string) $status);
        exit;
    }

    /** A literal with the values of its lookups. */
    function lookup(string $text): string
    {
        return Run::$current === null ? $text : Lookups::replaced($text, Run::$current->session());
    }

    /** Libraries call these without a namespace before the name: PHP looks in theirs first. */
    function shimNamespace(string $namespace): void
    {
        static $done = [];
        if (isset($done[$namespace]) || preg_match('/^\w+(\\\\\w+)*$/', $namespace) !== 1) return;
        if (str_starts_with($namespace, 'Tenon') || str_starts_with($namespace, 'DreamFactory\Core\Exceptions')) return;
        $done[$namespace] = true;
        $code = '';
        foreach (['header', 'header_remove', 'headers_list', 'headers_sent', 'http_response_code', 'setcookie'] as $name) {
            if (!function_exists("$namespace\\$name")) $code .= "function $name(...\$given) { return \\Tenon\\Runner\\$name(...\$given); }";
        }
        eval("namespace $namespace; $code");
    }

    /** A value as Laravel's `dd` shows it. */
    function shown(mixed $value, int $depth = 0): string
    {
        $pad = str_repeat('  ', $depth + 1);
        if (is_string($value)) return '"' . $value . '"';
        if (is_object($value) || is_array($value)) {
            $name = is_array($value) ? 'array:' . count($value) . ' [' : get_debug_type($value) . ' {';
            $end = is_array($value) ? ']' : '}';
            if ($depth > 9) return "$name…$end";
            $members = is_array($value) ? $value : get_object_vars($value);
            $lines = [];
            foreach ($members as $key => $member) {
                $key = is_array($value) ? (is_int($key) ? $key : "\"$key\"") . ' =>' : "+$key:";
                $lines[] = "$pad$key " . shown($member, $depth + 1);
            }
            return $lines === [] ? $name . $end : "$name\n" . implode("\n", $lines) . "\n" . substr($pad, 2) . $end;
        }
        return is_resource($value) ? get_resource_type($value) . ' resource' : strtolower(var_export($value, true));
    }
}

namespace {
    use Tenon\Runner\Run;

    /** Dumps to the log. */
    function dump(...$values)
    {
        foreach ($values as $value) echo \Tenon\Runner\shown($value), "\n";
        return $values[0] ?? null;
    }

    /** Dumps and ends the request: the client gets the dump. */
    function dd(...$values): never
    {
        $shown = array_map(static fn ($value) => '<pre>' . htmlspecialchars(\Tenon\Runner\shown($value)) . "</pre>\n", $values);
        Run::$current?->responseCode(500);
        \Tenon\Runner\leave(implode('', $shown));
    }

    /** A variable of the environment, with Laravel's words for values. */
    function env($name, $default = null)
    {
        $value = getenv((string) $name);
        if ($value === false) return $default instanceof \Closure ? $default() : $default;
        return match (strtolower($value)) {
            'true', '(true)' => true,
            'false', '(false)' => false,
            'null', '(null)' => null,
            'empty', '(empty)' => '',
            default => $value,
        };
    }

    if (!function_exists('getallheaders')) {
        function getallheaders(): array
        {
            return Run::$current?->requestHeaders() ?? [];
        }

        function apache_request_headers(): array
        {
            return getallheaders();
        }
    }
}
