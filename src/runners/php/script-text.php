<?php
// Reads the text of a script as tokens: what it mentions of its event, whether it can leave anything behind, and
// the text to run, in which a few names lead to functions of ours.
// Invariant: lines stay where they are, and no text of a script is ever put between quotes of ours.
declare(strict_types=1);

namespace Tenon\Runner;

final class ScriptText
{
    // Functions that a process without a web server does not have, or that end it.
    private const OURS = [
        'header' => 1, 'header_remove' => 1, 'headers_list' => 1, 'headers_sent' => 1, 'http_response_code' => 1,
        'setcookie' => 1, 'error_log' => 1,
    ];
    private const SUPERGLOBALS = [
        '$_SERVER' => 1, '$_GET' => 1, '$_POST' => 1, '$_REQUEST' => 1, '$_COOKIE' => 1, '$_ENV' => 1, '$_FILES' => 1,
    ];
    private const LASTING = [
        T_GLOBAL => 1, T_EVAL => 1, T_INCLUDE => 1, T_INCLUDE_ONCE => 1, T_REQUIRE => 1, T_REQUIRE_ONCE => 1,
        T_EXIT => 1, T_NAMESPACE => 1, T_DECLARE => 1, T_INTERFACE => 1, T_TRAIT => 1, T_ENUM => 1,
        T_HALT_COMPILER => 1, T_CONST => 1,
    ];
    private const FLOWING = [T_EVAL => 1, T_INCLUDE => 1, T_INCLUDE_ONCE => 1, T_REQUIRE => 1, T_REQUIRE_ONCE => 1];
    private const MEMBERS = ['api', 'config', 'session', 'store'];
    // Members of `$platform` that ask the server, and all those that are functions.
    private const SLOW = ['api' => 1, 'transaction' => 1, 'once' => 1];
    private const FUNCTIONS = ['transaction' => 1, 'once' => 1, 'retry' => 1, 'fail' => 1];
    private const VERBS = ['get' => 1, 'post' => 1, 'put' => 1, 'patch' => 1, 'delete' => 1, 'call' => 1];

    public bool $isPristine = false;
    public bool $isQuick = true;
    /** Whether it calls by name: what it left is looked for in full. */
    public bool $isSuspicious = false;
    public bool $usesSuperglobals = false;
    public bool $usesInclude = false;
    /** Whether it uses functions that remember their last error. */
    public bool $leavesErrors = false;
    public int $parts = 0;
    /** Members of `$platform` that it may look at. */
    public array $platform = [];
    /** Namespaces that it names: of libraries. @var array<string, true> */
    public array $namespaces = [];
    /** The text to run, and the imports in it that must stand before a function. */
    public string $body = '';
    public string $imports = '';

    /** @var list<\PhpToken> those that mean something */
    private array $tokens = [];
    private array $names = [];
    private array $literals = [];
    private bool $isCalling = false;
    private bool $isNaming = false;
    /** Variables that were looked at. @var array<string, bool> */
    private array $callees = [];

    /** Throws ParseError. */
    public function __construct(string $code, private bool $bindsLookups)
    {
        $all = \PhpToken::tokenize('<?php ' . self::withoutTag($code), TOKEN_PARSE);
        foreach ($all as $token) if (!$token->isIgnorable()) $this->tokens[] = $token;
        $this->readImports();
        foreach ($this->tokens as $i => $token) $this->look($i, $token);
        // What is set by name may be called by its own.
        if ($this->isNaming && $this->callees !== []) $this->isPristine = true;
        $this->judgeLiterals();
        $this->rewrite();
        $all[0]->text = '';
        // Comments and space are among all; what was rewritten is the same objects.
        $this->body = implode('', array_map(static fn (\PhpToken $token): string => $token->text, $all));
        $last = end($all);
        if ($last->is([T_INLINE_HTML, T_CLOSE_TAG])) $this->body .= '<?php ';
        if ($this->isPristine || $this->usesSuperglobals) $this->isQuick = false;
    }

    private static function withoutTag(string $code): string
    {
        if (preg_match('/^(?:\xEF\xBB\xBF)?\s*<\?php(?=\s|$)/i', $code, $found) !== 1) return $code;
        return str_repeat("\n", substr_count($found[0], "\n")) . substr($code, strlen($found[0]));
    }

    // `use A\B;` at the top is an import; after a parenthesis it belongs to a closure, in a class to a trait.
    private function readImports(): void
    {
        $depth = 0;
        foreach ($this->tokens as $i => $token) {
            if ($token->text === '{' || $token->is([T_CURLY_OPEN, T_DOLLAR_OPEN_CURLY_BRACES])) $depth++;
            elseif ($token->text === '}') $depth--;
            elseif ($token->id === T_USE && $depth === 0 && ($this->tokens[$i - 1]->text ?? '') !== ')') $this->import($i);
        }
    }

    private function import(int $at): void
    {
        $text = '';
        for ($i = $at; isset($this->tokens[$i]) && $this->tokens[$i]->text !== ';'; $i++) $text .= $this->tokens[$i]->text . ' ';
        $this->imports .= $text . ';';
        $isPlain = preg_match('/^use (\\\\?[\w\\\\]+) (?:as (\w+) )?$/', $text, $found) === 1;
        if (!$isPlain) {
            $this->isPristine = true;
            return;
        }
        $full = ltrim($found[1], '\\');
        $alias = $found[2] ?? substr(strrchr("\\$full", '\\'), 1);
        $this->names[strtolower($alias)] = $full;
        $this->note($full);
    }

    private function note(string $class): void
    {
        $at = strrpos($class, '\\');
        if ($at > 0) $this->namespaces[substr($class, 0, $at)] = true;
    }

    private function look(int $i, \PhpToken $token): void
    {
        $before = $this->tokens[$i - 1]->id ?? 0;
        $after = $this->tokens[$i + 1]->text ?? '';
        if (isset(self::LASTING[$token->id]) || $token->text === '`') $this->isPristine = true;
        if (isset(self::FLOWING[$token->id])) {
            $this->usesInclude = true;
            $this->everything();
        }
        switch ($token->id) {
            case T_VARIABLE:
                $this->lookAtVariable($i, $token, $before, $after);
                break;
            case T_STRING:
            case T_NAME_QUALIFIED:
            case T_NAME_FULLY_QUALIFIED:
                $this->lookAtName($i, $token, $before, $after);
                break;
            case T_CONSTANT_ENCAPSED_STRING:
                if ($after === '(') $this->isPristine = true;
                if ($after !== '=>' && !($after === ']' && ($this->tokens[$i - 1]->text ?? '') === '[')) {
                    $this->literals[strtolower(substr($token->text, 1, -1))] = true;
                }
                break;
            case T_FUNCTION:
                // A closure has no name.
                $named = $this->tokens[$i + ($after === '&' ? 2 : 1)]->text ?? '(';
                if ($named !== '(') $this->isPristine = true;
                break;
            case T_CLASS:
                if ($before !== T_DOUBLE_COLON) $this->isPristine = true;
                break;
            case T_STATIC:
                if (($this->tokens[$i + 1]->id ?? 0) === T_VARIABLE) $this->isPristine = true;
                break;
            case T_NEW:
                if ($after === '(' || $after[0] === '$') $this->isPristine = true;
                break;
            case T_DOLLAR_OPEN_CURLY_BRACES:
                $this->everything();
                break;
            default:
                if ($token->text === '$') $this->everything();
                if ($after === '(') $this->lookAtCall($i, $token);
        }
    }

    private function everything(): void
    {
        $this->parts = EventView::EVERYTHING;
        foreach (self::MEMBERS as $name) $this->platform[$name] = true;
        $this->isQuick = false;
        $this->isNaming = true;
    }

    private function lookAtVariable(int $i, \PhpToken $token, int $before, string $after): void
    {
        $name = $token->text;
        if (isset(self::SUPERGLOBALS[$name])) $this->usesSuperglobals = true;
        if ($name === '$GLOBALS' || $name === '$_SESSION') $this->isPristine = true;
        if ($before === T_DOUBLE_COLON || $after === '::') $this->isPristine = true;
        if ($name === '$event' && $before !== T_OBJECT_OPERATOR) $this->lookAtEvent($i);
        if ($name === '$platform' && $before !== T_OBJECT_OPERATOR) $this->lookAtPlatform($i);
        // `$object->$name(…)` calls a method, and objects here have harmless ones.
        $isMethod = $before === T_OBJECT_OPERATOR || $before === T_NULLSAFE_OBJECT_OPERATOR;
        if ($after === '(' && !$isMethod && !$this->isHarmlessCallee($name)) $this->isPristine = true;
    }

    // `($platform['api']->get)(…)` is recorded; whatever else is called as a value may be anything.
    private function lookAtCall(int $i, \PhpToken $token): void
    {
        if ($token->text === ')') {
            $verb = strtolower($this->tokens[$i - 1]->text ?? '');
            $isApi = isset(self::VERBS[$verb]) && ($this->tokens[$i - 2]->id ?? 0) === T_OBJECT_OPERATOR;
            if (!$isApi && !$this->closesCondition($i)) $this->isPristine = true;
        } elseif ($token->text === ']' && $this->closesFunction($i)) {
            return;
        } elseif ($token->text === '"' || $token->text === ']' || $token->text === '}' && $this->closesValue($i)) {
            $this->isPristine = true;
        }
    }

    // `$platform['once']('key', function () { … })`: whatever it calls stands in the text as a function.
    private function closesFunction(int $i): bool
    {
        $start = $i - 3;
        if ($start < 0 || $this->tokens[$start]->text !== '$platform') return false;
        $name = $this->keyAt($start + 1);
        return $name === 'retry' || $name === 'fail' || isset(self::FUNCTIONS[$name]) && $this->takesClosure($i + 1);
    }

    // `(function …` or `('key' . $id, function …`, and nothing that is called by its name.
    private function takesClosure(int $i): bool
    {
        $at = $this->startsClosure($i + 1) ? $i + 1 : $this->secondArgument($i);
        return $this->startsClosure($at);
    }

    private function secondArgument(int $i): int
    {
        for ($depth = 0; isset($this->tokens[$i]); $i++) {
            $text = $this->tokens[$i]->text;
            if ($text === '(' || $text === '[' || $text === '{' || $text === '${') $depth++;
            elseif ($text === ')' || $text === ']' || $text === '}') $depth--;
            elseif ($text === ',' && $depth === 1) return $i + 1;
            if ($depth === 0) break;
        }
        return -1;
    }

    private function startsClosure(int $at): bool
    {
        if (($this->tokens[$at]->id ?? 0) === T_STATIC) $at++;
        return isset($this->tokens[$at]) && $this->tokens[$at]->is([T_FUNCTION, T_FN]);
    }

    private function closesCondition(int $i): bool
    {
        for ($depth = 0; $i >= 0; $i--) {
            if ($this->tokens[$i]->text === ')') $depth++;
            if ($this->tokens[$i]->text === '(' && --$depth === 0) break;
        }
        return isset($this->tokens[$i - 1]) && $this->tokens[$i - 1]->is([T_IF, T_ELSEIF, T_WHILE, T_FOR, T_FOREACH, T_SWITCH]);
    }

    // `$a->{$name}(…)`; a block that ends before an expression in parentheses calls nothing.
    private function closesValue(int $i): bool
    {
        for ($depth = 0; $i >= 0; $i--) {
            if ($this->tokens[$i]->text === '}') $depth++;
            if ($this->tokens[$i]->text === '{' && --$depth === 0) break;
        }
        return isset($this->tokens[$i - 1]) && $this->tokens[$i - 1]->is([T_OBJECT_OPERATOR, T_DOUBLE_COLON, T_NULLSAFE_OBJECT_OPERATOR]);
    }

    // All that is ever assigned to it is a closure, or a function of `platform.api`; and nothing else writes to it.
    private function isHarmlessCallee(string $name): bool
    {
        return $this->callees[$name] ??= $this->isOnlyCalled($name);
    }

    private function isOnlyCalled(string $name): bool
    {
        foreach ($this->tokens as $i => $token) {
            if ($token->id !== T_VARIABLE || $token->text !== $name) continue;
            $after = $this->tokens[$i + 1]->text ?? '';
            // Called, or given to a function.
            if ($after === '(' || $after === ')' || $after === ',' && !$this->isInUse($i)) {
                if ($after === '(' || $this->isArgument($i)) continue;
            }
            if ($after === '=' ? !$this->isHarmlessValue($i + 2) : !$this->isInUse($i)) return false;
        }
        return true;
    }

    // By value, of a function that only calls it.
    private function isArgument(int $i): bool
    {
        for ($depth = 0; --$i >= 0;) {
            if (in_array($this->tokens[$i]->text, [')', ']', '}'], true)) $depth++;
            if (in_array($this->tokens[$i]->text, ['(', '[', '{'], true) && --$depth < 0) break;
        }
        return KnownFunctions::isCalling(strtolower($this->tokens[max(0, $i - 1)]->text));
    }

    private function isHarmlessValue(int $i): bool
    {
        $first = $this->tokens[$i] ?? null;
        if ($first === null) return false;
        if ($first->is([T_FUNCTION, T_FN])) return true;
        if ($first->id === T_STATIC) return $this->tokens[$i + 1]->is([T_FUNCTION, T_FN]);
        for ($end = $i; isset($this->tokens[$end]) && !in_array($this->tokens[$end]->text, [';', ',', ')', '('], true); $end++);
        return isset(self::VERBS[strtolower($this->tokens[$end - 1]->text)])
            && $this->tokens[$end - 2]->id === T_OBJECT_OPERATOR
            && $this->tokens[$end]->text === ';';
    }

    // In the `use (…)` of a closure, by value.
    private function isInUse(int $i): bool
    {
        if (in_array($this->tokens[$i - 1]->text ?? '', ['&'], true)) return false;
        while ($i > 0 && ($this->tokens[$i]->id === T_VARIABLE || in_array($this->tokens[$i]->text, [',', '&'], true))) $i--;
        return $this->tokens[$i]->text === '(' && ($this->tokens[$i - 1]->id ?? 0) === T_USE;
    }

    private function lookAtEvent(int $i): void
    {
        if ($this->isEventInUse($i)) return;
        $key = $this->keyAt($i + 1);
        if ($key === null) {
            $this->parts |= EventView::EVERYTHING;
            return;
        }
        $part = $this->keyAt($i + 4);
        $this->parts |= match ($key) {
            'request' => match ($part) {
                null => EventView::REQUEST,
                'parameters' => EventView::PARAMETERS,
                'headers' => EventView::HEADERS,
                'payload' => EventView::PAYLOAD,
                'content' => EventView::CONTENT,
                default => EventView::META,
            },
            'response' => match ($part) {
                null => EventView::RESPONSE | EventView::RESPONSE_CONTENT,
                'content' => EventView::RESPONSE_CONTENT,
                default => EventView::RESPONSE,
            },
            'resource', 'id', 'attempt', 'certainty' => EventView::META,
            '_event' => EventView::INFO,
            '__tag__' => EventView::EVERYTHING,
            default => 0,
        };
    }

    private function isEventInUse(int $i): bool
    {
        while ($i > 0 && ($this->tokens[$i]->id === T_VARIABLE || in_array($this->tokens[$i]->text, [',', '&'], true))) $i--;
        return $this->tokens[$i]->text === '(' && ($this->tokens[$i - 1]->id ?? 0) === T_USE;
    }

    private function lookAtPlatform(int $i): void
    {
        $next = $this->tokens[$i + 1] ?? null;
        if ($this->isEventInUse($i)) return;
        $isArrow = $next !== null && $next->is([T_OBJECT_OPERATOR, T_NULLSAFE_OBJECT_OPERATOR]);
        $name = $isArrow && $this->tokens[$i + 2]->id === T_STRING ? $this->tokens[$i + 2]->text : $this->keyAt($i + 1);
        $names = $name === null ? self::MEMBERS : [$name];
        foreach ($names as $name) $this->platform[$name] = true;
        if (array_intersect_key($this->platform, self::SLOW) !== []) $this->isQuick = false;
    }

    /** The literal in `['key']` at a place, null for anything else. */
    private function keyAt(int $i): ?string
    {
        $isLiteral = ($this->tokens[$i]->text ?? '') === '[' && ($this->tokens[$i + 1]->id ?? 0) === T_CONSTANT_ENCAPSED_STRING
            && ($this->tokens[$i + 2]->text ?? '') === ']';
        if (!$isLiteral) return null;
        $text = $this->tokens[$i + 1]->text;
        return str_contains($text, '\\') || str_contains($text, '{') ? null : substr($text, 1, -1);
    }

    private function lookAtName(int $i, \PhpToken $token, int $before, string $after): void
    {
        if ($before === T_OBJECT_OPERATOR || $before === T_NULLSAFE_OBJECT_OPERATOR) {
            // A function of `platform.api` that is replaced could be any.
            if ($after === '=' && isset(self::VERBS[strtolower($token->text)])) $this->isPristine = true;
            $takesCode = in_array(strtolower($token->text), ['transaction', 'once'], true);
            if ($takesCode && $after === '(' && !$this->takesClosure($i + 1)) $this->isPristine = true;
            // Methods of lists that call what they are given.
            if (in_array(strtolower($token->text), ['uasort', 'uksort'], true)) $this->isCalling = $this->isSuspicious = true;
            return;
        }
        $name = ltrim($token->text, '\\');
        if ($before === T_DOUBLE_COLON) return;
        if ($before === T_NEW || $after === '::') $this->lookAtClass($name, $token);
        elseif ($after === '(' && $before !== T_FUNCTION && $before !== T_FN) $this->lookAtFunction($i, strtolower($name));
        elseif ($token->id !== T_STRING) $this->note($name);
        elseif (str_starts_with($name, 'CURL')) Extensions::loadFor($name);
    }

    private function lookAtClass(string $name, \PhpToken $token): void
    {
        if ($token->id !== T_NAME_FULLY_QUALIFIED) {
            $parts = explode('\\', $name, 2);
            $parts[0] = $this->names[strtolower($parts[0])] ?? $parts[0];
            $name = implode('\\', $parts);
        }
        $this->note($name);
        if (KnownFunctions::isClass(strtolower($name))) return;
        $this->isPristine = true;
        Extensions::loadFor($name);
    }

    private function lookAtFunction(int $i, string $name): void
    {
        if (KnownFunctions::isCalling($name)) {
            $this->isCalling = true;
            if (!$this->isGivenCode($i + 1, $name)) $this->isSuspicious = true;
        }
        if (KnownFunctions::isNaming($name)) $this->everything();
        if (!function_exists($name)) Extensions::loadFor($name);
        if (str_starts_with($name, 'json_') || str_starts_with($name, 'preg_')) $this->leavesErrors = true;
        if (KnownFunctions::isWarm($name)) $this->isQuick = false;
        elseif (!KnownFunctions::isPure($name)) $this->isPristine = true;
    }

    // What is to be called is a closure, a function of `platform.api`, a text that will be judged, or nothing.
    private function isGivenCode(int $i, string $name): bool
    {
        $isFirst = in_array($name, ['array_map', 'call_user_func', 'call_user_func_array'], true);
        $commas = 0;
        for ($depth = 0; isset($this->tokens[$i]); $i++) {
            $token = $this->tokens[$i];
            if (in_array($token->text, ['(', '[', '{'], true)) $depth++;
            if (in_array($token->text, [')', ']', '}'], true) && --$depth === 0) break;
            if ($depth > 1) continue;
            if ($token->text === ',') $commas++;
            if ($isFirst === ($commas === 0) && $this->isCode($i)) return true;
        }
        return $name === 'array_filter' && $commas === 0;
    }

    private function isCode(int $i): bool
    {
        $token = $this->tokens[$i];
        return match ($token->id) {
            T_FUNCTION, T_FN => true,
            T_CONSTANT_ENCAPSED_STRING => $this->isWholeArgument($i),
            T_VARIABLE => $this->isWholeArgument($i) && $this->isHarmlessCallee($token->text),
            T_STRING => isset(self::VERBS[strtolower($token->text)]) && $this->tokens[$i - 1]->id === T_OBJECT_OPERATOR,
            default => false,
        };
    }

    private function isWholeArgument(int $i): bool
    {
        return in_array($this->tokens[$i - 1]->text, ['(', ','], true) && in_array($this->tokens[$i + 1]->text, [')', ','], true);
    }

    // A text that names a function may be called as one.
    private function judgeLiterals(): void
    {
        if (!$this->isCalling) return;
        $this->isQuick = $this->isQuick && !$this->isSuspicious;
        foreach ($this->literals as $text => $_) {
            $name = ltrim((string) $text, '\\');
            if (function_exists($name) && !KnownFunctions::isPure($name)) $this->isPristine = true;
        }
    }

    private function rewrite(): void
    {
        foreach ($this->tokens as $i => $token) {
            $before = $this->tokens[$i - 1]->id ?? 0;
            $next = $this->tokens[$i + 1] ?? null;
            if ($token->id === T_EXIT) $token->text = '\Tenon\Runner\leave' . ($next?->text === '(' ? '' : '()');
            elseif ($token->id === T_DIR) $token->text = var_export(getcwd(), true);
            elseif ($token->id === T_FILE) $token->text = var_export(getcwd() . '/script.php', true);
            elseif ($token->is([T_STRING, T_NAME_FULLY_QUALIFIED]) && $next?->text === '(') $this->lead($token, $before);
            elseif ($token->id === T_VARIABLE && $token->text === '$platform') $this->arrow($i);
        }
        if ($this->imports !== '' && !$this->isPristine) $this->removeImports();
        if ($this->bindsLookups) (new LookupBinding($this->tokens))->bind();
    }

    // Unqualified names of these functions would find PHP's own, which do nothing without a web server.
    private function lead(\PhpToken $token, int $before): void
    {
        $name = strtolower(ltrim($token->text, '\\'));
        $isCall = !in_array($before, [T_OBJECT_OPERATOR, T_NULLSAFE_OBJECT_OPERATOR, T_DOUBLE_COLON, T_FUNCTION, T_NEW], true);
        if ($isCall && isset(self::OURS[$name])) $token->text = '\Tenon\Runner\\' . $name;
    }

    // `$platform` is a map, as recorded; `$platform->api` is how newer scripts write it.
    private function arrow(int $i): void
    {
        $arrow = $this->tokens[$i + 1] ?? null;
        $name = $this->tokens[$i + 2] ?? null;
        if ($arrow === null || $name === null || $name->id !== T_STRING) return;
        $isCall = ($this->tokens[$i + 3]->text ?? '') === '(' && !isset(self::FUNCTIONS[$name->text]);
        if (!$arrow->is([T_OBJECT_OPERATOR, T_NULLSAFE_OBJECT_OPERATOR]) || $isCall) return;
        $arrow->text = '[';
        $name->text = "'" . $name->text . "']";
    }

    private function removeImports(): void
    {
        $depth = 0;
        $isImport = false;
        foreach ($this->tokens as $i => $token) {
            if ($token->text === '{' || $token->is([T_CURLY_OPEN, T_DOLLAR_OPEN_CURLY_BRACES])) $depth++;
            elseif ($token->text === '}') $depth--;
            elseif ($token->id === T_USE && $depth === 0 && ($this->tokens[$i - 1]->text ?? '') !== ')') $isImport = true;
            if (!$isImport) continue;
            $isImport = $token->text !== ';';
            $token->text = '';
        }
    }
}
