<?php
// `$platform`: the API, configuration and session as a script sees them.
// Invariant: an answer of any status is an answer; nothing here throws because of what the platform said.
declare(strict_types=1);

namespace Tenon\Runner;

use DreamFactory\Core\Exceptions\RestException;

final class Platform
{
    /** Only what the text of the script mentions. */
    public static function of(Run $run, array $mentioned, array $config): array
    {
        $platform = [];
        if (isset($mentioned['api'])) $platform['api'] = new Api();
        if (isset($mentioned['config'])) $platform['config'] = $config;
        if (isset($mentioned['session'])) $platform['session'] = $run->session();
        if (isset($mentioned['store'])) $platform['store'] = new Store();
        if (isset($mentioned['transaction'])) $platform['transaction'] = Transaction::run(...);
        if (isset($mentioned['once'])) $platform['once'] = Attempts::once(...);
        if (isset($mentioned['retry'])) $platform['retry'] = Attempts::retry(...);
        if (isset($mentioned['fail'])) $platform['fail'] = Attempts::fail(...);
        return $platform;
    }
}

/** `platform.transaction`: `(fn)` or `('service', fn)`. */
final class Transaction
{
    public const BEGIN = 0;
    public const COMMIT = 1;
    public const ROLLBACK = 2;

    public static function run($service, $work = null): mixed
    {
        if ($work === null && is_callable($service)) [$service, $work] = ['', $service];
        if (!is_callable($work) || ($service !== null && !is_string($service))) {
            throw new \InvalidArgumentException('platform.transaction takes a function, or the name of a service and a function.');
        }
        return Run::$current->inTransaction($service ?? '', $work);
    }

    public static function refusal(int $status, string $body): \Throwable
    {
        $error = json_decode($body, true)['error'] ?? [];
        return new RestException($status, $error['message'] ?? 'The transaction was refused.', $error['code'] ?? $status);
    }
}

/** Values that live as long as the run. */
final class Store
{
    private array $values = [];

    public function set($key, $value, $ttl = null)
    {
        $this->values[$key] = $value;
        return true;
    }

    public function get($key, $default = null)
    {
        return $this->values[$key] ?? $default;
    }
}

/** `platform.api`: each verb is both a closure and a method. */
final class Api
{
    public $call;
    public $get;
    public $post;
    public $put;
    public $patch;
    public $delete;

    public function __construct()
    {
        $this->call = ApiCall::made(...);
        foreach (['get', 'post', 'put', 'patch', 'delete'] as $verb) {
            $this->$verb = static fn ($path, $payload = null, $options = []) => ApiCall::made($verb, $path, $payload, $options);
        }
    }

    public function call($verb, $path, $payload = null, $options = [])
    {
        return ApiCall::made($verb, $path, $payload, $options);
    }

    public function get($path, $payload = null, $options = [])
    {
        return ApiCall::made('GET', $path, $payload, $options);
    }

    public function post($path, $payload = null, $options = [])
    {
        return ApiCall::made('POST', $path, $payload, $options);
    }

    public function put($path, $payload = null, $options = [])
    {
        return ApiCall::made('PUT', $path, $payload, $options);
    }

    public function patch($path, $payload = null, $options = [])
    {
        return ApiCall::made('PATCH', $path, $payload, $options);
    }

    public function delete($path, $payload = null, $options = [])
    {
        return ApiCall::made('DELETE', $path, $payload, $options);
    }
}

/** One call: what is sent, and the map that comes back. */
final class ApiCall
{
    // DreamFactory's numbers for how a content is held.
    private const FORMAT_ARRAY = 201;
    private const FORMAT_JSON = 1;
    private const FORMAT_TEXT = 8;

    public static function made($verb, $path, $payload = null, $options = []): array
    {
        $path = (string) $path;
        $isForeign = preg_match('#^\s*[a-z][a-z0-9+.-]*://#i', $path) === 1;
        $given = is_array($options) ? $options : [];
        $options = self::options($given);
        $body = $isForeign ? self::foreignBody($payload, $given, $options) : self::body($payload);
        $answer = Run::$current->call(strtoupper((string) $verb), $path, EventView::json($options), $body);
        return $isForeign ? self::foreignAnswer(...$answer) : self::answer(...$answer);
    }

    // `headers` is always there: options without it would be taken as headers as a whole.
    private static function options(array $given): array
    {
        $options = ['headers' => (object) self::headers($given['headers'] ?? [])];
        if (is_array($given['parameters'] ?? null)) $options['parameters'] = (object) $given['parameters'];
        foreach ($given as $name => $value) {
            $name = is_int($name) ? self::optionName($name) : $name;
            if (str_starts_with($name, 'CURLOPT_')) $options[$name] = $value;
        }
        return $options;
    }

    // A map, or a list of `Name: value`.
    private static function headers(mixed $given): array
    {
        $headers = [];
        foreach (is_array($given) ? $given : [] as $name => $value) {
            if (!is_int($name)) $headers[$name] = $value;
            elseif (is_string($value) && str_contains($value, ':')) {
                [$name, $value] = explode(':', $value, 2);
                $headers[trim($name)] = trim($value);
            }
        }
        return $headers;
    }

    private static function optionName(int $number): string
    {
        Extensions::loadFor('curl_init');
        foreach (get_defined_constants(true)['curl'] ?? [] as $name => $value) {
            if ($value === $number && str_starts_with($name, 'CURLOPT_')) return $name;
        }
        return '';
    }

    private static function body(mixed $payload): ?string
    {
        if ($payload === null || $payload === '') return null;
        return is_string($payload) ? $payload : EventView::json($payload);
    }

    // As curl sends it: a map is a form of several parts unless it is declared as something else.
    private static function foreignBody(mixed $payload, array $given, array &$options): ?string
    {
        if (!is_array($payload) || $payload === []) return self::body($payload);
        $declared = array_change_key_case(self::headers($given['headers'] ?? []))['content-type'] ?? '';
        if (str_starts_with((string) $declared, 'application/x-www-form-urlencoded')) return http_build_query($payload);
        if ($declared === '') $options += ['CURLOPT_POSTFIELDS' => (object) $payload];
        return self::body($payload);
    }

    private static function answer(int $status, array $headers, string $text): array
    {
        unset($headers['content-type']);
        return [
            'status_code' => $status,
            'content' => self::decoded($text),
            'content_type' => null,
            'format' => self::FORMAT_ARRAY,
            'headers' => $headers,
        ];
    }

    private static function foreignAnswer(int $status, array $headers, string $text): array
    {
        // What went wrong is an error of the platform, whose message is what the other host said.
        if ($status >= 300) return self::answer($status, [], $text);
        $type = isset($headers['content-type']) ? trim(explode(';', $headers['content-type'])[0]) : null;
        $isJson = $type !== null && str_contains($type, 'json');
        $isText = $type !== null && str_starts_with($type, 'text/');
        $shown = [];
        foreach ($headers as $name => $value) $shown[ucwords((string) $name, '-')] = $value;
        return [
            'status_code' => $status,
            'content' => $isJson ? self::decoded($text) : $text,
            'content_type' => $type,
            'format' => $isJson ? self::FORMAT_JSON : ($isText ? self::FORMAT_TEXT : 0),
            'headers' => $shown,
        ];
    }

    private static function decoded(string $text): mixed
    {
        if ($text === '') return $text;
        $value = json_decode($text, true);
        return $value === null && $text !== 'null' ? $text : $value;
    }
}
