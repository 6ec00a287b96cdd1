// Writes the reference pages from the tables in the code, so that no page can say what the code does not.
// Invariant: the same code gives the same text.
import { settings } from '../../src/config.ts';
import { catalog, type ErrorCode } from '../../src/core/errors.ts';
import { limitTable } from '../../src/core/limits.ts';
import { errorMeanings } from './error-meanings.ts';

const note = '<!-- Made by `npm run docs`; edit the tables in the code instead. -->';

/** All generated pages: path in the project → text. */
export function referencePages(): Record<string, string> {
  return {
    'docs/reference/errors.md': errorsPage(),
    'docs/reference/limits.md': limitsPage(),
    'docs/reference/configuration.md': configurationPage(),
  };
}

/** One page of a table; the first column is shown as code. */
function page(title: string, text: string, [head = [], ...rows]: readonly (readonly string[])[]): string {
  const lines = [
    head,
    head.map(() => '---'),
    ...rows.map(([first = '', ...rest]) => [`\`${first}\``, ...rest]),
  ];
  return [`# ${title}`, '', note, '', text, '', ...lines.map((cells) => `| ${cells.join(' | ')} |`), ''].join(
    '\n',
  );
}

function errorsPage(): string {
  const shape = '`{"error": {"code", "context", "message", "status_code"}}`';
  const text =
    `Every failed call is answered with ${shape}. ` +
    'The codes below are those of the log; ' +
    '`error.code` is the status unless a script or the table says otherwise.';
  const rows = Object.entries(catalog).map(([code, status]) => {
    return [code, String(status), ...errorMeanings[code as ErrorCode]];
  });
  return page('Errors', text, [['code', 'status', 'meaning', 'what to do'], ...rows]);
}

function limitsPage(): string {
  const text = 'Everything has a limit, and this is all of them.';
  const rows = Object.entries(limitTable).map(([name, { value, unit, reason }]) => {
    return [name, value.toLocaleString('en'), unit, reason];
  });
  return page('Limits', text, [['limit', 'value', 'unit', 'why'], ...rows]);
}

function configurationPage(): string {
  const text = 'Settings are environment variables, read once at the start; a bad value is refused there.';
  const rows = Object.values(settings).map(({ variable, fallback, meaning }) => {
    return [variable, fallback === '' ? '' : `\`${fallback}\``, meaning];
  });
  return page('Configuration', text, [['variable', 'default', 'meaning'], ...rows]);
}
