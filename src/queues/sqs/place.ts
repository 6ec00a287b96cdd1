// Where queues of SQS are, and who we are there. Invariant: what is wrong is told by the name of its field,
// without any secret.
import type { SQSClientConfig } from '@aws-sdk/client-sqs';
import { limits } from '../../core/limits.ts';
import type { ConfigFlaw } from '../transport.ts';

/** The configuration of a connection to SQS. */
export type SqsConfig = Readonly<Record<string, unknown>>;

/** What is wrong with a configuration. */
export function flawOf(config: SqsConfig): ConfigFlaw | undefined {
  const { key, secret, region, suffix } = config;
  for (const field of ['prefix', 'endpoint']) {
    if (isGiven(config[field]) && !isWebUrl(String(config[field]))) {
      return { field, reason: 'must be a URL, http:// or https://' };
    }
  }
  if (typeof region === 'string' && !/^[a-z0-9-]{1,40}$/.test(region)) {
    return { field: 'region', reason: 'must be the name of a region, like eu-central-1' };
  }
  if (isGiven(suffix) && !/^[\w-]{1,20}$/.test(String(suffix))) {
    return { field: 'suffix', reason: "may have letters, digits, '_' and '-' only, up to 20 of them" };
  }
  if (isGiven(key) === isGiven(secret)) return undefined;
  const [lacking, given] = isGiven(key) ? ['secret', 'key'] : ['key', 'secret'];
  return { field: lacking, reason: `is missing; it belongs to '${given}'` };
}

/** How to reach the SQS of a configuration. */
export function clientConfigOf(config: SqsConfig): SQSClientConfig {
  const { key, secret, token, region, endpoint } = config;
  const session = isGiven(token) ? { sessionToken: String(token) } : {};
  const credentials = { accessKeyId: String(key), secretAccessKey: String(secret), ...session };
  return {
    region: String(region),
    // Without any, it is who this machine is in the cloud.
    ...(isGiven(key) ? { credentials } : {}),
    ...(isGiven(endpoint) ? { endpoint: String(endpoint), useQueueUrlAsEndpoint: false } : {}),
    // Those who ask know what to do when it fails.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: limits.brokerReplyMs,
      requestTimeout: limits.sqsWaitMs + limits.brokerReplyMs,
    },
  };
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

function isWebUrl(text: string): boolean {
  return ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '');
}
