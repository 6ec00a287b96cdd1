// What anybody may know of this server, as lookups: `{df.host_url}` and the like (spec §5.13). Invariant: its
// address is the one that its operator set, never what a request calls it.
import type { Config } from './config.ts';
import type { ServiceRecord } from './core/store.ts';
import { version } from './version.ts';

const pages = {
  confirm_invite_url: '/#/user-invite',
  confirm_register_url: '/#/register-confirm',
  confirm_reset_url: '/#/reset-password',
} as const;

/** The facts, by the names that lookups have; the service `user` says where its pages are. */
export function serverFacts(
  { publicUrl }: Pick<Config, 'publicUrl'>,
  services: readonly Pick<ServiceRecord, 'type' | 'config'>[],
): Readonly<Record<string, string>> {
  const user = services.find(({ type }) => type === 'user')?.config ?? {};
  const links = Object.entries(pages).map(([name, usual]) => {
    const page = typeof user[name] === 'string' ? user[name] : usual;
    return [`df.${name}`, page.startsWith('/') ? `${publicUrl}${page}` : page];
  });
  const own = {
    'df.host_url': publicUrl,
    'df.name': 'Tenon',
    'df.version': version,
    'df.api_version': '2.0',
  };
  return { ...own, ...Object.fromEntries(links) };
}
