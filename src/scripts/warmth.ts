// Decides from a script's text whether it could leave something behind in the process that runs it.
// Invariant: every doubt says yes; the runner then uses a fresh process, which costs time but never
// isolation.
import { isBuiltin } from 'node:module';
import type ts from 'typescript';

const named = (text: string): ReadonlySet<string> => new Set(text.split(' '));

// Called without `new`: none of them keeps anything.
const callable = named(
  'String Number Boolean BigInt parseInt parseFloat isNaN isFinite encodeURIComponent ' +
    'decodeURIComponent encodeURI ' +
    'decodeURI escape unescape atob btoa structuredClone setTimeout clearTimeout setInterval clearInterval ' +
    'setImmediate clearImmediate queueMicrotask Date Array Object RegExp Error TypeError RangeError ' +
    'SyntaxError ' +
    'ReferenceError URIError EvalError AggregateError _tenonLookup var_dump',
);

const constructible = named(
  'Date Array Object Map Set WeakMap WeakSet RegExp Promise URL URLSearchParams ArrayBuffer DataView ' +
    'TextEncoder ' +
    'TextDecoder Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array ' +
    'Uint32Array Float32Array ' +
    'Float64Array BigInt64Array BigUint64Array Error TypeError RangeError SyntaxError ReferenceError ' +
    'URIError ' +
    'EvalError AggregateError String Number Boolean',
);

// Members that may be called or, when they are constants, read. `Error.stackTraceLimit`, `RegExp.$1`, the
// counters of console and the uncleared memory of `Buffer.allocUnsafe` are state, so those objects are listed
// member by member.
const members: Readonly<Record<string, ReadonlySet<string> | 'all'>> = {
  JSON: named('parse stringify'),
  Math: 'all',
  Intl: 'all',
  Number: 'all',
  Object: named(
    'keys values entries assign fromEntries create is hasOwn freeze isFrozen seal isSealed groupBy ' +
      'getOwnPropertyNames',
  ),
  Array: named('isArray from of fromAsync'),
  String: named('fromCharCode fromCodePoint raw'),
  Date: named('now UTC parse'),
  Promise: named('all allSettled any race resolve reject withResolvers try'),
  Symbol: named('iterator asyncIterator'),
  BigInt: named('asIntN asUintN'),
  Map: named('groupBy'),
  URL: named('canParse parse'),
  Buffer: named('from alloc concat byteLength isBuffer compare'),
  console: named('log info warn error debug dir table trace'),
  crypto: named('randomUUID'),
  performance: named('now'),
};

// Methods that take a function and only call it, so that `map(Number)` and `filter(Boolean)` are safe.
const takers = named(
  'map filter forEach flatMap some every find findIndex findLast reduce sort then catch replace from',
);

// Ways to what is shared by all scripts of a process.
const forbidden = named(
  'prototype __proto__ constructor defineProperty defineProperties setPrototypeOf getPrototypeOf ' +
    '__defineGetter__ ' +
    '__defineSetter__ __lookupGetter__ __lookupSetter__ caller callee stackTraceLimit ' +
    'prepareStackTrace poolSize buffer',
);

// Modules of Node whose members do not change and may be handed to a script. Packages are loaded anew for
// every run, and the process checks what they did.
const plainModules = named('path url querystring string_decoder crypto zlib');

const constants = named('undefined NaN Infinity __dirname __filename arguments');
const moduleScope = named('require module exports process global globalThis eval Function');
const serverGlobals: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(globalThis),
  ...moduleScope,
]);

/**
 * Whether a run of this JavaScript may leave state behind in its process. `source` needs its parent links.
 */
export function leavesTraces(compiler: typeof ts, source: ts.SourceFile): boolean {
  const walk = new Walk(compiler);
  walk.declare(source);
  return walk.isUnsafe(source, false);
}

class Walk {
  readonly #ts: typeof ts;
  #shadowsGlobal = false;

  constructor(compiler: typeof ts) {
    this.#ts = compiler;
  }

  /** Notes declared names: a script with its own `Array` is not analysed further, it is simply unsafe. */
  declare(node: ts.Node): void {
    const name = (node as { name?: ts.Node }).name;
    if (name !== undefined && this.#isDeclaration(node) && this.#ts.isIdentifier(name)) {
      if (serverGlobals.has(name.text)) this.#shadowsGlobal = true;
    }
    this.#ts.forEachChild(node, (child) => this.declare(child));
  }

  #isDeclaration(node: ts.Node): boolean {
    const t = this.#ts;
    return (
      t.isVariableDeclaration(node) ||
      t.isBindingElement(node) ||
      t.isParameter(node) ||
      t.isFunctionDeclaration(node) ||
      t.isFunctionExpression(node) ||
      t.isClassDeclaration(node) ||
      t.isClassExpression(node)
    );
  }

  isUnsafe(node: ts.Node, inClass: boolean): boolean {
    if (this.#shadowsGlobal || this.#isUnsafeAlone(node, inClass)) return true;
    const inside = inClass || this.#ts.isClassLike(node);
    return this.#ts.forEachChild(node, (child) => this.isUnsafe(child, inside) || undefined) ?? false;
  }

  #isUnsafeAlone(node: ts.Node, inClass: boolean): boolean {
    const t = this.#ts;
    if (t.isIdentifier(node)) return this.#isUnsafeName(node);
    if (t.isStringLiteralLike(node)) return forbidden.has(node.text);
    if (node.kind === t.SyntaxKind.ThisKeyword) return !inClass;
    if (t.isElementAccessExpression(node))
      return this.#isLiteral(node.expression) && this.#isUsedFurther(node);
    if (t.isPropertyAccessExpression(node)) {
      return this.#isLiteral(node.expression) && node.name.text !== 'length' && !this.#isCalled(node);
    }
    return (
      t.isWithStatement(node) ||
      t.isImportDeclaration(node) ||
      t.isExportDeclaration(node) ||
      t.isExportAssignment(node) ||
      (t.isMetaProperty(node) && node.keywordToken === t.SyntaxKind.ImportKeyword) ||
      node.kind === t.SyntaxKind.ImportKeyword
    );
  }

  // `[].map` is an object that all scripts share, and so may `''[key]` be.
  #isLiteral(node: ts.Node): boolean {
    const t = this.#ts;
    return (
      t.isArrayLiteralExpression(node) || t.isLiteralExpression(node) || t.isRegularExpressionLiteral(node)
    );
  }

  #isUsedFurther(node: ts.Expression): boolean {
    const t = this.#ts;
    const { parent } = node;
    if (this.#isWritten(node)) return true;
    if (!t.isPropertyAccessExpression(parent) && !t.isElementAccessExpression(parent)) return false;
    return parent.expression === node && !this.#isCalled(parent);
  }

  #isWritten(node: ts.Node): boolean {
    const t = this.#ts;
    const { parent } = node;
    if (t.isPrefixUnaryExpression(parent) || t.isPostfixUnaryExpression(parent)) {
      return /^(\+\+|--)$/.test(t.tokenToString(parent.operator) ?? '');
    }
    if (t.isDeleteExpression(parent)) return true;
    if (!t.isBinaryExpression(parent) || parent.left !== node) return false;
    const { kind } = parent.operatorToken;
    return kind >= t.SyntaxKind.FirstAssignment && kind <= t.SyntaxKind.LastAssignment;
  }

  #isUnsafeName(node: ts.Identifier): boolean {
    const name = node.text;
    if (this.#isPropertyName(node)) return forbidden.has(name) && !this.#isBorrowedMethod(node);
    if (constants.has(name)) return this.#isWritten(node);
    return serverGlobals.has(name) && !this.#isSafeUse(node);
  }

  /** The identifier names a member or a label, not a variable. */
  #isPropertyName(node: ts.Identifier): boolean {
    const t = this.#ts;
    const { parent } = node;
    if (t.isPropertyAccessExpression(parent)) return parent.name === node;
    if (t.isBindingElement(parent)) return parent.propertyName === node || forbidden.has(node.text);
    if (t.isBreakOrContinueStatement(parent) || t.isLabeledStatement(parent)) return true;
    if (t.isPropertyAssignment(parent) || t.isPropertyDeclaration(parent)) return parent.name === node;
    return t.isMethodDeclaration(parent) || t.isAccessor(parent);
  }

  // `Object.prototype.hasOwnProperty.call(…)` runs a method and touches nothing else.
  #isBorrowedMethod(node: ts.Identifier): boolean {
    const t = this.#ts;
    const method = node.parent.parent;
    const call = method?.parent;
    return (
      node.text === 'prototype' &&
      t.isPropertyAccessExpression(node.parent) &&
      t.isIdentifier(node.parent.expression) &&
      t.isPropertyAccessExpression(method) &&
      call !== undefined &&
      t.isPropertyAccessExpression(call) &&
      /^(call|apply)$/.test(call.name.text) &&
      this.#isCalled(call)
    );
  }

  #isSafeUse(node: ts.Identifier): boolean {
    const t = this.#ts;
    const { parent } = node;
    const name = node.text;
    if (t.isCallExpression(parent) && parent.expression === node) {
      return callable.has(name) || (name === 'require' && this.#isHarmlessModule(parent));
    }
    if (t.isNewExpression(parent) && parent.expression === node) return constructible.has(name);
    if (t.isTypeOfExpression(parent)) return true;
    if (t.isBinaryExpression(parent)) {
      return parent.operatorToken.kind === t.SyntaxKind.InstanceOfKeyword && parent.right === node;
    }
    if (t.isExpressionWithTypeArguments(parent)) return constructible.has(name);
    if (t.isPropertyAccessExpression(parent)) return this.#isSafeMember(name, parent);
    return callable.has(name) && this.#isTaken(node);
  }

  #isHarmlessModule({ arguments: [name, ...others] }: ts.CallExpression): boolean {
    if (name === undefined || others.length > 0 || !this.#ts.isStringLiteral(name)) return false;
    if (isBuiltin(name.text)) return plainModules.has(name.text.replace(/^node:/, ''));
    return !/^[./]|^node:/.test(name.text);
  }

  #isSafeMember(name: string, access: ts.PropertyAccessExpression): boolean {
    const member = access.name.text;
    if (member === 'prototype') return this.#isBorrowedMethod(access.name as ts.Identifier);
    const list = Object.hasOwn(members, name) ? members[name] : undefined;
    if (list === undefined || (list !== 'all' && !list.has(member))) return false;
    if (this.#isCalled(access) || this.#isTaken(access)) return true;
    return (
      (/^[A-Z_0-9]+$/.test(member) || name === 'Symbol') &&
      !this.#isWritten(access) &&
      !this.#isDeeper(access)
    );
  }

  #isDeeper({ parent }: ts.Node): boolean {
    return this.#ts.isPropertyAccessExpression(parent) || this.#ts.isElementAccessExpression(parent);
  }

  #isCalled(node: ts.Node): boolean {
    const t = this.#ts;
    const { parent } = node;
    if (t.isPropertyAccessExpression(parent) && /^(call|apply)$/.test(parent.name.text)) {
      return t.isCallExpression(parent.parent) && parent.parent.expression === parent;
    }
    if (t.isTaggedTemplateExpression(parent)) return parent.tag === node;
    return (t.isCallExpression(parent) || t.isNewExpression(parent)) && parent.expression === node;
  }

  #isTaken(node: ts.Expression): boolean {
    const t = this.#ts;
    const { parent } = node;
    if (!t.isCallExpression(parent) || !parent.arguments.includes(node)) return false;
    return t.isPropertyAccessExpression(parent.expression) && takers.has(parent.expression.name.text);
  }
}
