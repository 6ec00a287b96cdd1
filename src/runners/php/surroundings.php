<?php
// What a web server would have told PHP about a request, made from the event, for scripts and libraries that look
// there.
// Invariant: only names and values of the request itself; nothing of this process.
declare(strict_types=1);

namespace Tenon\Runner;

final class Surroundings
{
    /** Everything at once: before a run, and empty after it. */
    public static function show(?EventView $view): void
    {
        [$meta, $parameters, $headers, $content] = $view?->superglobals() ?? [[], [], [], ''];
        $type = $headers['content-type'] ?? '';
        $_GET = $parameters;
        $_POST = [];
        if (str_starts_with(strtolower((string) $type), 'application/x-www-form-urlencoded')) parse_str($content, $_POST);
        $_REQUEST = $_POST + $_GET;
        $_COOKIE = self::cookies((string) ($headers['cookie'] ?? ''));
        $_FILES = [];
        $_ENV = getenv();
        $_SERVER = $view === null ? self::idle() : self::server($meta, $headers, $content) + self::idle();
    }

    private static function idle(): array
    {
        return ['REQUEST_TIME' => time(), 'REQUEST_TIME_FLOAT' => microtime(true), 'SCRIPT_NAME' => '/index.php'];
    }

    // Paths are those of the whole API, as DreamFactory's entry point sees them.
    private static function server(array $meta, array $headers, string $content): array
    {
        $uri = (string) ($meta['uri'] ?? '/');
        $server = [
            'REQUEST_METHOD' => $meta['method'] ?? 'GET',
            'REQUEST_URI' => $uri,
            'QUERY_STRING' => (string) (parse_url("http://host$uri", PHP_URL_QUERY) ?: ''),
            'SCRIPT_NAME' => '/index.php',
            'SCRIPT_FILENAME' => '/index.php',
            'PHP_SELF' => '/index.php',
            'SERVER_PROTOCOL' => 'HTTP/1.1',
            'GATEWAY_INTERFACE' => 'CGI/1.1',
            'SERVER_NAME' => explode(':', (string) ($headers['host'] ?? 'localhost'))[0],
            'CONTENT_LENGTH' => (string) strlen($content),
            'CONTENT_TYPE' => (string) ($headers['content-type'] ?? ''),
        ];
        foreach ($headers as $name => $value) {
            if (is_string($value)) $server['HTTP_' . strtoupper(strtr((string) $name, '-', '_'))] = $value;
        }
        return $server;
    }

    private static function cookies(string $text): array
    {
        $cookies = [];
        foreach (array_filter(array_map('trim', explode(';', $text))) as $pair) {
            [$name, $value] = explode('=', $pair, 2) + [1 => ''];
            $cookies[$name] = urldecode($value);
        }
        return $cookies;
    }
}
