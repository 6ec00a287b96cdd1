// The fields of an OpenID Connect service's configuration, as forms show them.
import type { ConfigField } from '../../core/service.ts';
import { proofs } from './settings.ts';

const plain = { required: false, default: null };
const flag = (name: string, label: string, description: string): ConfigField => ({
  ...{ name, label, description, type: 'boolean', required: false, default: false },
});
const text = (name: string, label: string, description: string): ConfigField => ({
  ...{ name, label, description, type: 'string', ...plain },
});
const needed = (field: ConfigField): ConfigField => ({ ...field, required: true });

/** The fields of the configuration. */
export const oidcFields: readonly ConfigField[] = [
  {
    ...needed(
      text('discovery_document_endpoint', 'Provider', 'Its issuer, or the URL of its discovery document.'),
    ),
    binds: true,
  },
  needed(text('client_id', 'Client ID', 'As the provider knows this server.')),
  {
    ...{ name: 'client_secret', label: 'Client secret', description: 'As the provider gave it.' },
    ...{ type: 'password', secret: true, ...plain },
  },
  needed(
    text('redirect_url', 'Redirect URL', 'Where the provider sends browsers back, as registered there.'),
  ),
  {
    ...{ name: 'scopes', label: 'Scopes', description: 'What the provider is asked for.', type: 'string' },
    ...{ required: false, default: 'openid profile email' },
  },
  {
    ...{ name: 'token_endpoint_auth_method', label: 'Client authentication', type: 'picklist' },
    ...{ description: 'How the secret is sent; none: a public client, which has no secret.' },
    ...{ required: false, default: 'client_secret_basic', values: proofs },
  },
  {
    ...{ name: 'default_role', label: 'Default role', type: 'integer', refersTo: 'role', ...plain },
    description: 'Id of the role that new users get in every app.',
  },
  text('role_claim', 'Claim of groups', 'Names the groups of a user; with it, roles are set at each login.'),
  {
    ...{ name: 'role_map', label: 'Roles of groups', type: 'object', refersTo: 'role', ...plain },
    description: 'Role ids by group: {"editors": 3}. The first group here that a user has counts.',
  },
  {
    ...flag('allow_new_users', 'Allow new users', 'Makes an account for whoever has none yet.'),
    default: true,
  },
  {
    ...flag('link_by_verified_email', 'Link by e-mail', 'Lets a verified address into its account.'),
    default: true,
  },
  flag('trust_email', 'Trust addresses', 'Takes addresses as verified unless the provider denies it.'),
  text('allowed_domains', 'Domains', 'Of addresses that are let in, separated by commas; empty: all.'),
  flag(
    'require_second_factor',
    'Second factor',
    'Of whoever has one here: the provider must have asked for one, too.',
  ),
  flag('return_access_token', 'Hand out the access token', 'As oauth_token in the answer of a login.'),
  text('icon_class', 'Icon', 'CSS class of the button in clients.'),
];
