<?php
// Where texts of scripts become code.
// Invariant: plain functions without variables of their own, so that a script sees nothing but its event and
// platform, and belongs to no class of ours.

namespace Tenon\Runner;

/** The body as a function; it must leave nothing behind by being compiled. */
function closureOf(ScriptText $text): \Closure
{
    return evaluated($text->imports . 'return static function (&$event, $platform) { ' . $text->body . "\n};");
}

/** Runs the text of the current run as a file would be: its functions and classes are there from the start. */
function evaluatedApart(&$event, $platform)
{
    return eval(Run::$current->program->text()->body . "\n;");
}

/** Compiles a text in full, and runs nothing of it. */
function compiled(ScriptText $text): void
{
    if (!$text->isPristine) closureOf($text);
    elseif (preg_match('/^\s*(namespace|declare)\b/i', $text->body) !== 1) evaluated('return;' . $text->body . "\n;");
}

function evaluated()
{
    return eval(func_get_arg(0));
}
