import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../../database/connection.ts';
import { connectionFault } from './connection-fault.ts';

function faultOf(message: string, more: object = {}): string | undefined {
  return connectionFault(
    new DatabaseError('unavailable', undefined, Object.assign(new Error(message), more)),
  );
}

describe('why a database cannot be used', () => {
  test.each([
    [{ code: 'ECONNREFUSED', errno: -111 }, /nothing accepts connections/],
    [{ code: 'ENOTFOUND', errno: -3008 }, /'host' is not known/],
    [{ code: 'EAI_AGAIN' }, /'host' is not known/],
    [{ code: '28P01' }, /user name or the password/],
    [{ code: 'ER_ACCESS_DENIED_ERROR', errno: 1045 }, /user name or the password/],
    [{ code: '3D000' }, /no database/],
    [{ code: 'ER_BAD_DB_ERROR', errno: 1049 }, /no database/],
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, /nobody who is trusted/],
    [{ code: 'CERT_HAS_EXPIRED' }, /not valid at this time/],
    [{ code: 'SQLITE_CANTOPEN' }, /the file is not there/],
  ])('%j', (more, words) => {
    expect(faultOf('user "u" at db.example:5432', more)).toMatch(words);
  });

  test('by the words of drivers that have no code for it', () => {
    expect(faultOf('The server does not support SSL connections')).toBe('it does not offer TLS');
    expect(faultOf('timeout expired')).toMatch(/does not answer/);
    const code = 'HANDSHAKE_SSL_ERROR';
    expect(faultOf('self-signed certificate', { code })).toMatch(/nobody who is trusted/);
    expect(faultOf('certificate has expired', { code })).toMatch(/not valid at this time/);
    expect(faultOf("Host: a. is not in the cert's altnames; certificate's altnames", { code })).toMatch(
      /another host/,
    );
    expect(faultOf('whatever', { code })).toMatch(/TLS could not be agreed on/);
  });

  test('is not known of what has another code, and nothing of the driver is repeated', () => {
    expect(faultOf('secret', { code: 'EWHATEVER' })).toBeUndefined();
    expect(faultOf('secret', { code: '10450' })).toBeUndefined();
    expect(faultOf('password of root is secret', { code: '28P01' })).not.toContain('secret');
  });
});
