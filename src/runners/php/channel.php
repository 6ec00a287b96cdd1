<?php
// Frames on the descriptor that the server gave us: `u32 length, u8 kind, body`, little-endian.
// Invariant: reading blocks; what was read of the next frames stays here until somebody asks for it.
declare(strict_types=1);

namespace Tenon\Runner;

final class Channel
{
    public const START = 1;
    public const LOAD = 2;
    public const RUN = 3;
    public const REPLY = 4;
    public const RECALL = 5;
    private const CALL = 18;
    private const TRANSACT = 20;
    private const CHUNK = 65_536;

    /** What was read, and how much of it was taken. */
    public string $buffer = '';
    public int $at = 0;
    private string $out = '';
    private $stream;
    /** Frames that came while a reply was waited for. @var list<string> */
    private array $later = [];

    public function __construct(int $descriptor)
    {
        $stream = fopen("php://fd/$descriptor", 'r+b');
        if ($stream === false) exit(70);
        stream_set_read_buffer($stream, 0);
        stream_set_write_buffer($stream, 0);
        $this->stream = $stream;
    }

    /** The next frame without its length; waits for it. */
    public function next(): string
    {
        if ($this->later !== []) return array_shift($this->later);
        while (($frame = $this->taken()) === null) $this->read();
        return $frame;
    }

    /** The next frame that is here already. */
    public function taken(): ?string
    {
        $have = strlen($this->buffer) - $this->at;
        if ($have >= 5) {
            $length = unpack('V', $this->buffer, $this->at)[1];
            if ($have >= $length + 4) {
                $frame = substr($this->buffer, $this->at + 4, $length);
                $this->at += $length + 4;
                return $frame;
            }
        }
        if ($this->at > 0) {
            $this->buffer = $have === 0 ? '' : substr($this->buffer, $this->at);
            $this->at = 0;
        }
        return null;
    }

    /** Answers that were held back leave when there is nothing more to read. */
    public function write(string $bytes, bool $isHeld = false): void
    {
        $this->out .= $bytes;
        if (!$isHeld) $this->flush();
    }

    public function held(): int
    {
        return strlen($this->out);
    }

    public function flush(): void
    {
        if ($this->out === '') return;
        $bytes = $this->out;
        $this->out = '';
        // A closed channel: nobody is there to hear it.
        if (@fwrite($this->stream, $bytes) !== strlen($bytes)) exit(70);
    }

    /** Asks the platform and waits: `[status, headers, body]`. */
    public function call(string $id, int $number, int $transaction, array $texts): array
    {
        return $this->ask($id, $number, chr(self::CALL) . $id . pack('VV', $number, $transaction), $texts);
    }

    /** Takes a step of a transaction and waits. */
    public function transact(string $id, int $number, array $step, string $service): array
    {
        [$kind, $transaction, $outer] = $step;
        $head = chr(self::TRANSACT) . $id . pack('VCVV', $number, $kind, $transaction, $outer);
        return $this->ask($id, $number, $head, [$service]);
    }

    private function ask(string $id, int $number, string $body, array $texts): array
    {
        foreach ($texts as $text) $body .= $text === null ? "\xff\xff\xff\xff" : pack('V', strlen($text)) . $text;
        $this->write(pack('V', strlen($body)) . $body);
        for (;;) {
            while (($frame = $this->taken()) === null) $this->read();
            if (ord($frame[0]) !== self::REPLY) $this->later[] = $frame;
            elseif (substr($frame, 1, 16) === $id && unpack('V', $frame, 17)[1] === $number) break;
        }
        $status = unpack('v', $frame, 21)[1];
        [$headers, $text] = self::texts($frame, 23, 2);
        $headers = json_decode($headers, true);
        return [$status, is_array($headers) ? $headers : [], $text];
    }

    /** Ids of runs that the server wants back, of those frames that are here or just arrive. */
    public function recalled(): array
    {
        $read = [$this->stream];
        $none = null;
        if (@stream_select($read, $none, $none, 0) === 1) $this->read();
        $ids = [];
        for ($at = $this->at; $at + 21 <= strlen($this->buffer); $at += 4 + unpack('V', $this->buffer, $at)[1]) {
            if (ord($this->buffer[$at + 4]) === self::RECALL) $ids[substr($this->buffer, $at + 5, 16)] = true;
        }
        return $ids;
    }

    /** @return list<string> so many texts from a place on */
    public static function texts(string $frame, int $at, int $count): array
    {
        $texts = [];
        for ($i = 0; $i < $count; $i++) {
            $length = unpack('V', $frame, $at)[1];
            if ($length >= 0xffff_fffe) $length = 0;
            $texts[] = $length === 0 ? '' : substr($frame, $at + 4, $length);
            $at += 4 + $length;
        }
        return $texts;
    }

    private function read(): void
    {
        $chunk = is_resource($this->stream) ? @fread($this->stream, self::CHUNK) : false;
        if ($chunk === false || $chunk === '') {
            Run::$current = null;
            exit(0);
        }
        $this->buffer .= $chunk;
    }
}
