// Makes stored script text ready to run: checks it, compiles TypeScript, finds out whether it awaits and
// whether it could leave state behind. Invariant: text that can not be loaded is a value, never an exception.
import { createHash } from 'node:crypto';
import { SourceMap } from 'node:module';
import { compileFunction, Script } from 'node:vm';
import type ts from 'typescript';
import type { Program } from '../core/runner.ts';
import { bindLookups, lookupFunction, lookupsNamed } from './lookup-literals.ts';
import { dialectOf } from './script-types.ts';
import { leavesTraces } from './warmth.ts';

/** Script text as it is stored. */
export interface Source {
  readonly name: string;
  readonly language: string;
  readonly content: string;
  /** Names of lookups whose values its string literals may ask for; absent: none. */
  readonly lookups?: readonly string[];
}

/** A script ready to run, or why it is not: line and column count from 1 in the text as written. */
export type Compiled =
  | { readonly ok: true; readonly program: Program }
  | {
      readonly ok: false;
      readonly message: string;
      readonly line: number;
      readonly column: number;
      /** Nobody could read the text: it may be good all the same. */
      readonly isUnread?: boolean;
    };

type Failure = Extract<Compiled, { ok: false }>;
type Place = Pick<Failure, 'line' | 'column'>;
type Emitted =
  | {
      readonly ok: true;
      readonly code: string;
      readonly sourceMap?: string;
      /** The code without the helpers that the compiler wrote into it, where there are any. */
      readonly bare?: string;
    }
  | Failure;

/** Compiles one script; use `Compiler` where the same text may come again. */
export async function compileSource(source: Source): Promise<Compiled> {
  const { default: compiler } = await import('typescript');
  const isTypeScript = source.language === 'typescript';
  const bound = lookupsNamed(source.content, source.lookups ?? []);
  const content = textOf(compiler, source, bound);
  const emitted = emit(compiler, content, isTypeScript);
  if (!emitted.ok) return emitted;
  const parsed = parse(compiler, emitted.code, 'script.js');
  const isAsync = awaits(compiler, parsed);
  const failure = loadFailure(compiler, { emitted, parsed, isAsync });
  if (failure !== undefined) return failure;
  const dialect = dialectOf(source.language);
  const isReadable = syntaxErrors(parsed).length === 0;
  return {
    ok: true,
    program: {
      hash: hashOf(source),
      name: source.name,
      code: emitted.code,
      isAsync,
      // Our compiler's own functions leave nothing, though their text looks like it.
      isPristine: !isReadable || leavesTraces(compiler, bareOf(compiler, emitted, parsed)),
      ...(dialect === undefined ? {} : { dialect }),
      ...(bound.length === 0 ? {} : { bindsLookups: true }),
      ...(emitted.sourceMap === undefined ? {} : { sourceMap: emitted.sourceMap }),
    },
  };
}

function bareOf(
  compiler: typeof ts,
  { bare }: Extract<Emitted, { ok: true }>,
  parsed: ts.SourceFile,
): ts.SourceFile {
  return bare === undefined ? parsed : parse(compiler, bare, 'script.js');
}

/** Why text can not be loaded, and where, as a person reads it. */
export function problemOf({ message, line, column, isUnread = false }: Failure): string {
  return isUnread ? message.replace(/\.$/, '') : `${message} (line ${line}, column ${column})`;
}

/** Names the text of a script: the same for the same language, text and lookups that it names. */
export function hashOf({ language, content, lookups = [] }: Source): string {
  const bound = lookups.length === 0 ? [] : lookupsNamed(content, lookups);
  return createHash('sha256').update(`${language}\n${bound.join()}\n${content}`).digest('hex');
}

function textOf(compiler: typeof ts, { content, language }: Source, bound: readonly string[]): string {
  const text = content.replace(/^#!/, '//');
  if (bound.length === 0) return text;
  return bindLookups(compiler, parse(compiler, text, language === 'typescript' ? 'script.ts' : 'script.js'));
}

// JavaScript without modules runs as it was written: lines and columns of its errors are right without a map.
function emit(compiler: typeof ts, content: string, isTypeScript: boolean): Emitted {
  if (!isTypeScript) {
    const parsed = parse(compiler, content, 'script.js');
    if (syntaxErrors(parsed).length > 0 || !usesModules(compiler, parsed)) return { ok: true, code: content };
  }
  const fileName = isTypeScript ? 'script.ts' : 'script.js';
  const compilerOptions = {
    target: compiler.ScriptTarget.ES2023,
    module: compiler.ModuleKind.CommonJS,
    moduleDetection: compiler.ModuleDetectionKind.Force,
    allowJs: true,
    esModuleInterop: true,
    experimentalDecorators: true,
    sourceMap: true,
    removeComments: false,
  };
  const output = compiler.transpileModule(content, { fileName, reportDiagnostics: true, compilerOptions });
  const [diagnostic] = output.diagnostics?.filter(({ file }) => file !== undefined) ?? [];
  if (diagnostic !== undefined) return described(compiler, diagnostic, content);
  const made = { code: asFunctionBody(output.outputText), sourceMap: output.sourceMapText ?? '' };
  if (!/\b__import/.test(made.code)) return { ok: true, ...made };
  const withoutHelpers = { fileName, compilerOptions: { ...compilerOptions, noEmitHelpers: true } };
  const bare = asFunctionBody(compiler.transpileModule(content, withoutHelpers).outputText);
  return { ok: true, ...made, bare };
}

// The compiler's prologue of a module makes no sense in a function body. Lines stay where they are, for the
// map.
function asFunctionBody(code: string): string {
  const body = code
    .replace(/^"use strict";/, '')
    .replace(/^Object\.defineProperty\(exports, "__esModule", \{ value: true \}\);$/m, '')
    .replace(/\/\/# sourceMappingURL=.*\s*$/, '');
  return /\bexports\b/.test(body) ? `var exports = {};${body}` : body;
}

function parse(compiler: typeof ts, content: string, fileName: string): ts.SourceFile {
  const options: ts.CreateSourceFileOptions = {
    languageVersion: compiler.ScriptTarget.ES2023,
    // Only in modules does the parser read `await` at top level as such.
    setExternalModuleIndicator: (file) => {
      (file as { externalModuleIndicator?: boolean }).externalModuleIndicator = true;
    },
  };
  return compiler.createSourceFile(fileName, content, options, true);
}

function syntaxErrors(file: ts.SourceFile): readonly ts.DiagnosticWithLocation[] {
  return (file as { parseDiagnostics?: readonly ts.DiagnosticWithLocation[] }).parseDiagnostics ?? [];
}

function usesModules(compiler: typeof ts, node: ts.Node): boolean {
  const found = compiler.forEachChild(node, (child) => {
    const isModular =
      compiler.isImportDeclaration(child) ||
      compiler.isExportDeclaration(child) ||
      compiler.isExportAssignment(child) ||
      child.kind === compiler.SyntaxKind.ExportKeyword ||
      child.kind === compiler.SyntaxKind.ImportKeyword;
    return isModular || usesModules(compiler, child) || undefined;
  });
  return found ?? false;
}

function awaits(compiler: typeof ts, node: ts.Node): boolean {
  if (compiler.isFunctionLike(node) || compiler.isClassLike(node)) return false;
  if (compiler.isAwaitExpression(node)) return true;
  if (compiler.isForOfStatement(node) && node.awaitModifier !== undefined) return true;
  if (compiler.isVariableDeclarationList(node) && isAwaitUsing(compiler, node)) return true;
  return compiler.forEachChild(node, (child) => awaits(compiler, child) || undefined) ?? false;
}

function isAwaitUsing(compiler: typeof ts, list: ts.VariableDeclarationList): boolean {
  return (list.flags & compiler.NodeFlags.AwaitUsing) === compiler.NodeFlags.AwaitUsing;
}

interface Candidate {
  readonly emitted: Extract<Emitted, { ok: true }>;
  readonly parsed: ts.SourceFile;
  readonly isAsync: boolean;
}

// V8 decides what can be loaded, because it will load it; the compiler's words are used where both complain,
// since they are clearer. Nothing is run here.
function loadFailure(compiler: typeof ts, { emitted, parsed, isAsync }: Candidate): Failure | undefined {
  const [error] = syntaxErrors(parsed);
  const refused = isAsync ? (asyncRefusal(emitted.code) ?? error) : syncRefusal(emitted.code);
  if (refused === undefined) return undefined;
  if (error !== undefined) return described(compiler, error, emitted.code);
  return placed(refused as SyntaxError, emitted);
}

// The names that a host gives to the function whose body the script is: a script can not declare them anew.
const given = [
  'event',
  'platform',
  '_event',
  '_platform',
  'require',
  'module',
  'exports',
  '__dirname',
  '__filename',
];

function syncRefusal(code: string): SyntaxError | undefined {
  return attempt(() => compileFunction(code, [...given, lookupFunction], { filename: 'script' }));
}

function asyncRefusal(code: string): SyntaxError | undefined {
  return attempt(
    () => new Script(`(async function () {\n${code}\n})`, { filename: 'script', lineOffset: -1 }),
  );
}

function attempt(load: () => unknown): SyntaxError | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    return error instanceof SyntaxError ? error : new SyntaxError('The text can not be read.');
  }
}

function placed(error: SyntaxError, emitted: Extract<Emitted, { ok: true }>): Failure {
  const [, line = '1', marker = ''] = /^script:(\d+)\n.*\n(\s*)\^/.exec(error.stack ?? '') ?? [];
  const place = original(emitted.sourceMap, Math.max(1, Number(line)), marker.length + 1);
  return { ok: false, message: error.message, ...place };
}

function original(sourceMap: string | undefined, line: number, column: number): Place {
  if (sourceMap === undefined) return { line, column };
  const found = new SourceMap(JSON.parse(sourceMap)).findEntry(line - 1, column - 1);
  if (!('originalLine' in found)) return { line, column };
  return { line: found.originalLine + 1, column: found.originalColumn + 1 };
}

function described(compiler: typeof ts, diagnostic: ts.Diagnostic, content: string): Failure {
  const before = content.slice(0, diagnostic.start ?? 0).split('\n');
  return {
    ok: false,
    message: compiler.flattenDiagnosticMessageText(diagnostic.messageText, ' ').replace(/\.$/, ''),
    line: before.length,
    column: (before.at(-1) ?? '').length + 1,
  };
}
