// The AWS SDK for JavaScript against the server that the environment names. Go starts it: see node_test.go beside this directory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  KMSClient, CreateKeyCommand, DescribeKeyCommand, CreateAliasCommand, EncryptCommand, DecryptCommand, GenerateDataKeyCommand, ReEncryptCommand,
  ScheduleKeyDeletionCommand, GetKeyPolicyCommand, CreateGrantCommand, ListKeysCommand, NotFoundException, InvalidCiphertextException, KMSInvalidStateException,
  DryRunOperationException, paginateListKeys, paginateListAliases,
} from '@aws-sdk/client-kms';
import { STSClient, GetCallerIdentityCommand, AssumeRoleCommand } from '@aws-sdk/client-sts';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';

const kms = new KMSClient({});
const context = { Tenant: '42', Zweck: 'Rechnung für März' };
const text = (octets) => Buffer.from(octets).toString();
const newKey = async () => (await kms.send(new CreateKeyCommand({}))).KeyMetadata;

test('a key encrypts and decrypts', async () => {
  const key = await newKey();
  const AliasName = 'alias/js-' + key.KeyId;
  assert.ok(key.CreationDate instanceof Date && Math.abs(Date.now() - key.CreationDate) < 3600e3);
  await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: key.KeyId }));
  const sealed = await kms.send(new EncryptCommand({ KeyId: AliasName, Plaintext: Buffer.from('orders'), EncryptionContext: context }));
  assert.equal(sealed.KeyId, key.Arn);
  assert.ok(sealed.$metadata.requestId);
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context }));
  assert.equal(text(opened.Plaintext), 'orders');
  const other = await newKey();
  const moved = await kms.send(new ReEncryptCommand({ CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: context, DestinationKeyId: other.KeyId }));
  assert.equal(moved.KeyId, other.Arn);
  assert.equal(text((await kms.send(new DecryptCommand({ CiphertextBlob: moved.CiphertextBlob }))).Plaintext), 'orders');
});

test('a data key opens again', async () => {
  const { Arn: KeyId } = await newKey();
  const key = await kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }));
  assert.equal(key.Plaintext.length, 32);
  assert.deepEqual((await kms.send(new DecryptCommand({ CiphertextBlob: key.CiphertextBlob }))).Plaintext, key.Plaintext);
});

test('errors are the classes that the SDK has for them', async () => {
  const { Arn: KeyId } = await newKey();
  const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x'), EncryptionContext: context }));
  await assert.rejects(kms.send(new DescribeKeyCommand({ KeyId: 'alias/nobody' })),
    (e) => e instanceof NotFoundException && e.$fault === 'client' && e.$metadata.httpStatusCode === 400 && /^Alias arn:aws:kms:.*:alias\/nobody is not found\.$/.test(e.message));
  await assert.rejects(kms.send(new DecryptCommand({ CiphertextBlob })), InvalidCiphertextException);
  await assert.rejects(kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x'), DryRun: true })), DryRunOperationException);
  const { DeletionDate } = await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
  assert.ok(DeletionDate > new Date());
  await assert.rejects(kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: context })), KMSInvalidStateException);
  await assert.rejects(new KMSClient({ credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: 'wrong' } }).send(new ListKeysCommand({})),
    (e) => e.name === 'InvalidSignatureException');
});

test('paginators find everything once', async () => {
  const made = [];
  for (let i = 0; i < 3; i++) made.push((await newKey()).KeyId);
  const found = [];
  for await (const page of paginateListKeys({ client: kms, pageSize: 2 }, {})) {
    assert.ok(page.Keys.length <= 2);
    found.push(...page.Keys.map((k) => k.KeyId));
  }
  assert.equal(new Set(found).size, found.length);
  for (const id of made) assert.ok(found.includes(id));
  const names = ['a', 'b', 'c'].map((name) => `alias/js-${name}-${made[0]}`);
  for (const AliasName of names) await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: made[0] }));
  const aliases = [];
  for await (const page of paginateListAliases({ client: kms, pageSize: 2 }, { KeyId: made[0] })) aliases.push(...page.Aliases.map((a) => a.AliasName));
  assert.deepEqual(aliases.sort(), names);
});

test('a grant has an id and a token', async () => {
  const { Arn: KeyId } = await newKey();
  const { Arn: GranteePrincipal } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  const grant = await kms.send(new CreateGrantCommand({ KeyId, GranteePrincipal, Operations: ['Encrypt'] }));
  assert.match(grant.GrantId, /^[0-9a-f]{64}$/);
  await kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x'), GrantTokens: [grant.GrantToken] }));
});

test('a role is assumed by the SDK itself', async () => {
  const RoleArn = process.env.TEST_ROLE;
  const night = new KMSClient({ credentials: fromTemporaryCredentials({ params: { RoleArn, RoleSessionName: 'nightly', DurationSeconds: 900 } }) });
  const { Arn: KeyId } = await newKey();
  await night.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }));
  const { Policy } = await night.send(new GetKeyPolicyCommand({ KeyId }));
  assert.equal(JSON.parse(Policy).Id, 'key-default-1');
  await assert.rejects(night.send(new DescribeKeyCommand({ KeyId })), (e) => e.name === 'AccessDeniedException' && e.message.includes(':assumed-role/') && e.message.includes('/nightly is not authorized'));
  const { Credentials } = await new STSClient({}).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'nightly' }));
  assert.ok(Credentials.Expiration instanceof Date && Credentials.Expiration > new Date());
});

test('a clock that is wrong is set right', async (t) => {
  const now = Date.now;
  t.after(() => { Date.now = now; });
  for (const off of [3600e3, -3600e3]) {
    Date.now = () => now() + off;
    const { $metadata } = await new KMSClient({}).send(new ListKeysCommand({}));
    assert.equal($metadata.attempts, 2);
  }
});
