// The examples of the business-logic chapter that use packages, run as written with packages made on the spot.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { localNpm } from '../../src/cli/packages/packages-fixture.ts';
import { tenonProgram } from '../program.ts';
import { Chapter } from './chapter.ts';

const local = mkdtempSync(join(tmpdir(), 'tenon-chapter-packages-'));
let chapter: Chapter;

beforeAll(async () => {
  const names = [
    'TWITTER_CONSUMER_KEY',
    'TWITTER_CONSUMER_SECRET',
    'TWITTER_OAUTH_TOKEN',
    'TWITTER_OAUTH_SECRET',
  ];
  const variables = names.map((name) => [name, name.toLowerCase()]);
  chapter = await Chapter.open({
    TENON_SCRIPT_ENV: names.map((name) => `php:${name}`).join(','),
    ...Object.fromEntries(variables),
  });
});

afterEach(() => chapter.clear());

afterAll(async () => {
  await chapter.close();
  rmSync(local, { recursive: true, force: true });
});

/** `tenon packages add` beside the running server. */
async function add(language: string, place: string): Promise<void> {
  const env = { ...process.env, TENON_HOME: chapter.server.home };
  await promisify(execFile)(process.execPath, [tenonProgram(), 'packages', 'add', language, place], { env });
}

describe('Adding a Composer Package', () => {
  // Repair: a package of that name and class is made on the spot; there is no network to fetch it from.
  const example = String.raw`$consumerKey    = env('TWITTER_CONSUMER_KEY');
$consumerSecret = env('TWITTER_CONSUMER_SECRET');
$oauthToken     = env('TWITTER_OAUTH_TOKEN');
$oauthSecret    = env('TWITTER_OAUTH_SECRET');

$connection = new \Abraham\TwitterOAuth\TwitterOAuth(
  $consumerKey,
  $consumerSecret,
  $oauthToken,
  $oauthSecret
);

if ($event['request']['method'] == "POST") {
  $message = $event['request']['payload']['resource'][0]['message'];
  $response = $connection->post("statuses/update", ["status" => $message]);
}

return json_encode(["response" => $response]);`;

  function twitterPackage(): string {
    const place = mkdtempSync(join(local, 'php-'));
    const autoload = { 'psr-4': { 'Abraham\\TwitterOAuth\\': 'src' } };
    const manifest = { name: 'abraham/twitteroauth', version: '1.0.0', autoload };
    writeFileSync(join(place, 'composer.json'), JSON.stringify(manifest));
    mkdirSync(join(place, 'src'));
    const fixture = new URL('./libraries/twitter-oauth.php', import.meta.url);
    copyFileSync(fixture, join(place, 'src', 'TwitterOAuth.php'));
    return place;
  }

  test('the package is used with its namespace, and with variables of the environment', async () => {
    const list = join(chapter.server.home, 'packages', 'php', 'composer.json');
    mkdirSync(dirname(list), { recursive: true });
    writeFileSync(list, '{"repositories": [{"packagist.org": false}]}');
    await add('php', twitterPackage());
    await chapter.serve('tweet', 'php', example);
    const body = { resource: [{ message: 'Hello' }] };
    await expect
      .poll(async () => (await chapter.ask('tweet', 'POST', body)).status, { timeout: 20_000 })
      .toBe(200);
    const answer = await chapter.ask('tweet', 'POST', body);
    expect(JSON.parse(answer.body)).toEqual({
      response: {
        path: 'statuses/update',
        parameters: { status: 'Hello' },
        by: 'twitter_consumer_key twitter_consumer_secret twitter_oauth_token twitter_oauth_secret',
      },
    });
    expect(JSON.parse((await chapter.ask('tweet')).body)).toEqual({ response: null });
  });
});

describe('NodeJS Custom Logging', () => {
  test('a library of npm, as the comment of the example asks for', async () => {
    // Repair: a package of that name is made on the spot, with the one function that is used.
    const script = 'exports.map = (list, name) => list.map((item) => item[name]);';
    await add('node', localNpm(local, { name: 'lodash', version: '4.0.0', script }));
    await chapter.serve(
      'names',
      'nodejs',
      `var _ = require('lodash');
platform.api.get('db/_table/contact', null, function (body) {
  event.setResponse(_.map(JSON.parse(body).resource, 'name'));
});`,
    );
    await expect.poll(async () => (await chapter.ask('names')).status, { timeout: 20_000 }).toBe(200);
    expect((await chapter.ask('names')).body).toEqual(['Ann', 'Bob']);
  });
});
