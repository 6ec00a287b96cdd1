// A real browser for tests of pages. Invariant: whatever it asks for is remembered, so that tests see what
// leaves this machine. Where there is no browser, tests say so loudly; in CI that is a failure.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Where Chromium is; undefined when it is not installed. */
export const chromiumPath = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((path) => existsSync(path));

if (chromiumPath === undefined) {
  const message = 'no Chromium on the PATH: pages are not tested';
  if (process.env.CI !== undefined) throw new Error(message);
  console.warn(`SKIPPED: ${message}`);
}

/** A page, and everything that went wrong in it or left this machine. */
export interface OpenPage {
  readonly browser: Browser;
  readonly page: Page;
  /** Errors, refusals of the content security policy, and failed requests. */
  readonly problems: string[];
  /** Addresses of all requests. */
  readonly requests: string[];
}

/** Opens a browser with an empty page. */
export async function openPage(): Promise<OpenPage> {
  if (chromiumPath === undefined) throw new Error('there is no browser');
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  // A step that waits longer than that has failed, and says which one it is.
  page.setDefaultTimeout(20_000);
  const problems: string[] = [];
  const requests: string[] = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => requests.push(request.url()));
  return { browser, page, problems, requests };
}
