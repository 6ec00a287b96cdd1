<?php
// Finds lookups in the string literals of a script and puts our calls in their place.
// Invariant: only what stands between quotes in the script is touched, and never the values of variables in it;
// where PHP wants a constant (defaults of parameters and properties), a literal stays as it is.
declare(strict_types=1);

namespace Tenon\Runner;

final class LookupBinding
{
    private const CALL = '\Tenon\Runner\lookup(';
    // Inside of quotes only an expression that starts with a variable can stand.
    private const INSIDE = "{\$GLOBALS['tenon lookup']('%s')}";

    /** @param list<\PhpToken> $tokens */
    public function __construct(private array $tokens)
    {
    }

    public function bind(): void
    {
        $constantUntil = '';
        $depth = 0;
        foreach ($this->tokens as $i => $token) {
            if ($constantUntil !== '') {
                if ($token->text === '(' || $token->text === '[') $depth++;
                if ($token->text === ')' || $token->text === ']') $depth--;
                if ($depth <= 0 && $token->text === $constantUntil) $constantUntil = '';
                continue;
            }
            $constantUntil = $this->opensConstant($i, $token);
            $depth = $token->id === T_ATTRIBUTE ? 1 : 0;
            if ($constantUntil === '') $this->bindAt($i, $token);
        }
    }

    private function opensConstant(int $i, \PhpToken $token): string
    {
        if ($token->is([T_FUNCTION, T_FN])) return ')';
        if ($token->id === T_ATTRIBUTE) return ']';
        $isVariable = ($this->tokens[$i + 1]->id ?? 0) === T_VARIABLE;
        if ($token->id === T_STATIC && $isVariable) return ';';
        if (in_array($token->id, [T_CONST, T_VAR], true)) return ';';
        $isMember = $token->is([T_PUBLIC, T_PROTECTED, T_PRIVATE, T_STATIC, T_READONLY]);
        return $isMember && !$this->leadsToFunction($i) ? ';' : '';
    }

    private function leadsToFunction(int $i): bool
    {
        for ($end = $i + 1; isset($this->tokens[$end]); $end++) {
            if ($this->tokens[$end]->is([T_FUNCTION, T_FN, T_CONST, T_DOUBLE_COLON])) return true;
            if (in_array($this->tokens[$end]->text, [';', '=', '{', '('], true)) return false;
        }
        return false;
    }

    private function bindAt(int $i, \PhpToken $token): void
    {
        if (preg_match(Lookups::PATTERN, $token->text) !== 1) return;
        if ($token->id === T_CONSTANT_ENCAPSED_STRING) {
            $token->text = self::CALL . $token->text . ')';
            return;
        }
        if ($token->id !== T_ENCAPSED_AND_WHITESPACE) return;
        $start = $this->tokens[$i - 1];
        if ($start->id === T_START_HEREDOC && str_contains($start->text, "'")) $this->bindNowdoc($i);
        else $token->text = preg_replace_callback(Lookups::PATTERN, self::inside(...), $token->text);
    }

    private function bindNowdoc(int $i): void
    {
        $this->tokens[$i - 1]->text = self::CALL . $this->tokens[$i - 1]->text;
        $this->tokens[$i + 1]->text .= ')';
    }

    private static function inside(array $found): string
    {
        return sprintf(self::INSIDE, $found[0]);
    }
}
