<?php
// A script as it was loaded: read once, compiled once where that leaves nothing behind.
// Invariant: making one never runs anything of the script.
declare(strict_types=1);

namespace Tenon\Runner;

final class Program
{
    private const PRISTINE = 4;
    private const QUICK = 2;
    private const BINDS_LOOKUPS = 16;
    private const CHECK = 32;

    public ?ScriptText $text = null;
    public bool $isPristine;
    public bool $isQuick = false;
    public readonly bool $isCheck;
    public readonly bool $bindsLookups;
    private ?\ParseError $flaw = null;
    private ?\Closure $body = null;

    public function __construct(public readonly string $name, string $code, int $flags)
    {
        $this->isCheck = ($flags & self::CHECK) !== 0;
        $this->bindsLookups = ($flags & self::BINDS_LOOKUPS) !== 0;
        $this->isPristine = ($flags & self::PRISTINE) !== 0;
        try {
            $this->text = new ScriptText($code, $this->bindsLookups);
            $this->isPristine = $this->isPristine || $this->text->isPristine;
            $this->isQuick = ($flags & self::QUICK) !== 0 && !$this->isPristine && $this->text->isQuick;
        } catch (\ParseError $error) {
            $this->flaw = $error;
        }
    }

    /** Throws the ParseError of a text that is no program. */
    public function text(): ScriptText
    {
        if ($this->flaw !== null) throw $this->flaw;
        return $this->text;
    }

    /** The body as a function: a run of it leaves nothing in the function itself. */
    public function body(): \Closure
    {
        return $this->body ??= closureOf($this->text());
    }
}
