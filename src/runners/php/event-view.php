<?php
// What a script sees as `$event`: sections of a frame, of which only those are parsed that its text mentions; and
// what it changed, as texts.
// Invariant: a section that was not changed is not sent back, so its empty maps and lists stay what they were.
declare(strict_types=1);

namespace Tenon\Runner;

final class EventView
{
    // Parts of the event that a text may mention.
    public const META = 1;
    public const PARAMETERS = 2;
    public const HEADERS = 4;
    public const PAYLOAD = 8;
    public const CONTENT = 16;
    public const RESPONSE = 32;
    public const RESPONSE_CONTENT = 64;
    public const INFO = 128;
    public const REQUEST = self::META | self::PARAMETERS | self::HEADERS | self::PAYLOAD | self::CONTENT;
    public const EVERYTHING = self::REQUEST | self::RESPONSE | self::RESPONSE_CONTENT;

    private const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION;
    private const ABSENT = "\xff\xff\xff\xff";
    private const DELETED = "\xfe\xff\xff\xff";
    private const NO_REQUEST = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    private const NO_RESPONSE = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    /** The seven changed texts when there are none. */
    public const UNCHANGED = self::NO_REQUEST . self::NO_RESPONSE;

    /** The event as the script gets it, by reference. */
    public mixed $event = [];
    private mixed $request = null;
    private mixed $response = null;
    private bool $isService;
    private array $meta = [];

    /** @param list<string> $texts in the order of `sectionNames` */
    public function __construct(private array $texts, private int $parts)
    {
        $this->isService = str_contains($texts[0], '"stage":"service"');
        if ($parts & (self::META | self::INFO)) $this->meta = json_decode($texts[0], true) ?? [];
        if ($parts === self::EVERYTHING) $this->event = $this->wholeEvent();
        else $this->event = $this->partOfEvent();
    }

    /** `platform.session`. */
    public function session(): array
    {
        $session = json_decode($this->texts[5], true);
        return is_array($session) ? $session : [];
    }

    /** The request as a server of PHP would have described it. */
    public function superglobals(): array
    {
        $meta = json_decode($this->texts[0], true) ?? [];
        $parameters = json_decode($this->texts[1], true);
        $headers = json_decode($this->texts[2], true);
        return [$meta, is_array($parameters) ? $parameters : [], is_array($headers) ? $headers : [], $this->texts[3]];
    }

    /** Whether the script gave its own event back: that is the same as giving nothing back. */
    public function isEvent(mixed $value): bool
    {
        return is_array($value) && isset($value['request']) && $value === $this->event;
    }

    public function isStopped(): bool
    {
        return is_array($this->event) && !empty($this->event['stop_propagation']);
    }

    /** The seven texts of a result. Throws JsonException for what JSON cannot hold. */
    public function changes(array $headers): string
    {
        if (!is_array($this->event)) return self::UNCHANGED;
        $request = $this->event['request'] ?? null;
        $sent = $this->parts & self::REQUEST && $request !== $this->request ? $this->sent($request) : self::NO_REQUEST;
        return $sent . $this->answered($headers);
    }

    /** The seven texts of a result that is a whole new answer. */
    public static function answer(array $meta, string $content): string
    {
        return self::NO_REQUEST . self::text(self::json($meta)) . self::text(self::json($content)) . self::ABSENT;
    }

    /** JSON as it travels. */
    public static function json(mixed $value): string
    {
        return json_encode($value, self::FLAGS | JSON_THROW_ON_ERROR);
    }

    private static function text(string $text): string
    {
        return pack('V', strlen($text)) . $text;
    }

    private function wholeEvent(): array
    {
        $this->request = $this->wholeRequest();
        $resource = $this->meta['resource'] ?? '';
        $event = $this->isService ? [] : ['resource' => $resource];
        $event['request'] = $this->request;
        if ($this->texts[6] !== '') $event['response'] = $this->response = $this->wholeResponse();
        if ($this->isService) $event['resource'] = $resource;
        $event['__tag__'] = 'exposed_event';
        return $event + $this->attempt();
    }

    // Of queued runs.
    private function attempt(): array
    {
        if (!isset($this->meta['id'])) return [];
        $told = ['id' => $this->meta['id'], 'attempt' => $this->meta['attempt'] ?? 1];
        return isset($this->meta['certainty']) ? $told + ['certainty' => $this->meta['certainty']] : $told;
    }

    private function wholeRequest(): array
    {
        return [
            'api_version' => $this->meta['apiVersion'] ?? '2.0',
            'method' => $this->meta['method'] ?? '',
            'parameters' => $this->map(1),
            'headers' => $this->map(2),
            'payload' => $this->payload(),
            'content' => $this->texts[3],
            'content_type' => ($this->meta['contentType'] ?? '') ?: 'application/json',
            'uri' => $this->meta['uri'] ?? '',
            'service' => $this->meta['service'] ?? '',
            'resource' => $this->meta['requestResource'] ?? '',
        ];
    }

    private function wholeResponse(): array
    {
        $meta = $this->responseMeta();
        // Scripts that dump the response of a service expect this order.
        if ($this->isService) return ['content' => $this->responseContent()] + array_reverse($meta);
        $whole = ['status_code' => $meta['status_code'], 'content_type' => $meta['content_type']];
        $whole['content'] = $this->responseContent();
        return $whole + $meta;
    }

    // Nobody can tell that parts are missing: the text names those it looks at.
    private function partOfEvent(): array
    {
        $parts = $this->parts;
        $event = [];
        if ($parts & self::META) $event = ['resource' => $this->meta['resource'] ?? ''] + $this->attempt();
        if ($parts & self::INFO) $event['_event'] = $this->info();
        if ($parts & self::REQUEST) $event['request'] = $this->request = $this->partOfRequest($parts);
        if ($this->texts[6] === '' || !($parts & (self::RESPONSE | self::RESPONSE_CONTENT))) return $event;
        $response = $parts & self::RESPONSE ? $this->responseMeta() : [];
        if ($parts & self::RESPONSE_CONTENT) $response['content'] = $this->responseContent();
        $event['response'] = $this->response = $response;
        return $event;
    }

    private function partOfRequest(int $parts): array
    {
        if (($parts & self::REQUEST) === self::REQUEST) return $this->wholeRequest();
        $request = [];
        if ($parts & self::PARAMETERS) $request['parameters'] = $this->map(1);
        if ($parts & self::HEADERS) $request['headers'] = $this->map(2);
        if ($parts & self::PAYLOAD) $request['payload'] = $this->payload();
        if ($parts & self::CONTENT) $request['content'] = $this->texts[3];
        if (!($parts & self::META)) return $request;
        return $request + [
            'api_version' => $this->meta['apiVersion'] ?? '2.0',
            'method' => $this->meta['method'] ?? '',
            'content_type' => ($this->meta['contentType'] ?? '') ?: 'application/json',
            'uri' => $this->meta['uri'] ?? '',
            'service' => $this->meta['service'] ?? '',
            'resource' => $this->meta['requestResource'] ?? '',
        ];
    }

    private function info(): array
    {
        $name = $this->meta['event'] ?? '';
        return ['name' => $name, 'stage' => $this->meta['stage'] ?? '', 'script_name' => $name];
    }

    private function map(int $section): array
    {
        $map = json_decode($this->texts[$section], true);
        return is_array($map) ? $map : [];
    }

    private function payload(): mixed
    {
        if ($this->texts[4] !== '') return json_decode($this->texts[4], true);
        if ($this->texts[3] === '') return [];
        $type = $this->meta === [] ? (json_decode($this->texts[0], true)['contentType'] ?? '') : $this->meta['contentType'] ?? '';
        if ($type !== '' && stripos($type, 'json') === false) return $this->texts[3];
        return json_decode($this->texts[3], true) ?? [];
    }

    private function responseMeta(): array
    {
        $meta = json_decode($this->texts[6], true) ?? [];
        $shown = ['status_code' => $meta['status_code'] ?? null, 'content_type' => $meta['content_type'] ?? null];
        return $this->isService ? $shown : $shown + ['format' => 201, 'headers' => $meta['headers'] ?? []];
    }

    private function responseContent(): mixed
    {
        return $this->texts[7] === '' ? null : json_decode($this->texts[7], true);
    }

    // A part that is no longer there stays as it is: `['parameters' => …]` is about parameters.
    private function sent(mixed $request): string
    {
        if (!is_array($request)) return self::NO_REQUEST;
        $sent = '';
        foreach (['parameters', 'headers', 'payload', 'content'] as $part) {
            $value = $request[$part] ?? null;
            $isSame = $value === ($this->request[$part] ?? null) || $value === null;
            if ($isSame) $sent .= self::ABSENT;
            elseif ($part === 'content' && !is_string($value)) $sent .= self::text(self::json(self::json($value)));
            else $sent .= self::text(self::json(self::named($part, $value)));
        }
        return $sent;
    }

    // Parameters and headers are maps, whatever PHP made of their names.
    private static function named(string $part, mixed $value): mixed
    {
        $isMap = $part === 'parameters' || $part === 'headers';
        return $isMap && is_array($value) && $value !== [] ? (object) $value : $value;
    }

    private function answered(array $headers): string
    {
        $response = $this->event['response'] ?? null;
        $had = $this->texts[6] !== '';
        $isKnown = ($this->parts & (self::RESPONSE | self::RESPONSE_CONTENT)) !== 0;
        if ($headers !== [] && ($had || is_array($response))) return $this->withHeaders($response, $headers);
        if ($response === $this->response) return self::NO_RESPONSE;
        if ($response === null) return ($had && $isKnown ? self::DELETED : self::ABSENT) . self::ABSENT . self::ABSENT;
        if (!is_array($response)) return self::ABSENT . self::ABSENT . self::text(self::json($response));
        return $this->metaText($response) . $this->contentText($response) . self::ABSENT;
    }

    // What the script's `header()` said joins the headers of the answer that there is, or that it makes.
    private function withHeaders(mixed $response, array $headers): string
    {
        $isOwn = is_array($response) && $response !== $this->response;
        $meta = $this->parts & self::RESPONSE || $isOwn ? $response : [];
        $meta = is_array($meta) ? $meta : [];
        $meta['headers'] = (is_array($meta['headers'] ?? null) ? $meta['headers'] : []) + $headers;
        unset($meta['content']);
        $content = is_array($response) ? $this->contentText($response) : self::ABSENT;
        return self::text(self::json($meta)) . $content . self::ABSENT;
    }

    private function metaText(array $response): string
    {
        unset($response['content']);
        $before = is_array($this->response) ? $this->response : null;
        unset($before['content']);
        if ($response === $before) return self::ABSENT;
        return self::text($response === [] ? '{}' : self::json($response));
    }

    private function contentText(array $response): string
    {
        $had = $this->texts[7] !== '';
        if (!array_key_exists('content', $response)) {
            return $had && $this->parts & self::RESPONSE_CONTENT ? self::DELETED : self::ABSENT;
        }
        $content = $response['content'];
        $isKnown = is_array($this->response) && array_key_exists('content', $this->response);
        if ($isKnown && $content === $this->response['content']) return self::ABSENT;
        return self::text(self::json($content));
    }
}
