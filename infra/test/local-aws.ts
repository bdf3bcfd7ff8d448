// A local AWS for one test: ministack as a process that ends with ours, and the few calls that a
// deployment needs, without an SDK. Its credentials mean nothing.

import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const ROOT = new URL('../../', import.meta.url).pathname;
export const ACCOUNT = '123456789012';
/** How often is looked whether something is there, and for how long at the most: a busy machine. */
const LOOK_EVERY_MS = 100;
const LOOKS_MAX = 1200;

export class LocalAws {
  private constructor(private readonly child: ChildProcess, private readonly url: string, private readonly region: string) {}

  /** Starts it. Throws if it does not come up: nothing is skipped. */
  static async start(region: string): Promise<LocalAws> {
    const port = await freePort();
    const child = spawn(`${ROOT}.venv/bin/python`, [`${ROOT}tests/python/local_aws.py`], {
      env: { ...process.env, GATEWAY_PORT: String(port), MINISTACK_ACCOUNT_ID: ACCOUNT, BIND_HOST: '127.0.0.1', IOT_MTLS_ENABLED: '0' },
      // It ends when this pipe does, so when we do.
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    let gone: string | undefined;
    child.on('error', (error) => { gone = `${error.message}: scripts/test makes .venv from tests/python/aws.txt`; });
    child.on('exit', (code) => { gone ??= `it ended with ${code}`; });
    const aws = new LocalAws(child, `http://127.0.0.1:${port}`, region);
    await until('ministack', async () => {
      if (gone !== undefined) throw new Error(`ministack does not start: ${gone}`);
      return fetch(aws.url).then(() => true, () => undefined);
    });
    return aws;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  async putParameter(name: string, value: string): Promise<void> {
    await this.json('ssm', 'AmazonSSM.PutParameter', { Name: name, Value: value, Type: 'String', Overwrite: true });
  }

  async parameter(name: string): Promise<string> {
    const answer = (await this.json('ssm', 'AmazonSSM.GetParameter', { Name: name })) as { Parameter: { Value: string } };
    return answer.Parameter.Value;
  }

  async makeBucket(name: string): Promise<void> {
    const body = `<CreateBucketConfiguration><LocationConstraint>${this.region}</LocationConstraint></CreateBucketConfiguration>`;
    await this.call('s3', `/${name}`, { method: 'PUT', body });
  }

  async putObject(bucket: string, key: string, body: string | Uint8Array<ArrayBuffer>): Promise<string> {
    await this.call('s3', `/${bucket}/${key}`, { method: 'PUT', body });
    return `${this.url}/${bucket}/${key}`;
  }

  /** Deploys a template that lies at a URL. Throws with the reason if it fails. */
  async deploy(stack: string, templateUrl: string): Promise<void> {
    await this.query('cloudformation', { Action: 'CreateStack', StackName: stack, TemplateURL: templateUrl, 'Capabilities.member.1': 'CAPABILITY_NAMED_IAM' });
    await until(stack, async () => {
      const answer = await this.query('cloudformation', { Action: 'DescribeStacks', StackName: stack });
      const status = tag(answer, 'StackStatus');
      if (status === 'CREATE_COMPLETE') return true;
      if (status.endsWith('IN_PROGRESS') && !status.startsWith('ROLLBACK')) return undefined;
      const events = await this.query('cloudformation', { Action: 'DescribeStackEvents', StackName: stack });
      const reasons = [...events.matchAll(/<ResourceStatusReason>([^<]+)</g)].map(([, reason]) => reason);
      throw new Error(`${stack}: ${status}: ${reasons.join('; ')}`);
    });
  }

  /** What a query of a service answers, as XML. */
  async query(service: string, fields: Record<string, string>): Promise<string> {
    const answer = await this.call(service, '/', { method: 'POST', body: new URLSearchParams(fields) });
    return answer.text();
  }

  async json(service: string, target: string, body: object): Promise<unknown> {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    const answer = await this.call(service, '/', { method: 'POST', body: JSON.stringify(body), headers });
    return answer.json();
  }

  private async call(service: string, path: string, request: RequestInit): Promise<Response> {
    const scope = `test/20260101/${this.region}/${service}/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`;
    const answer = await fetch(this.url + path, { ...request, headers: { ...request.headers, authorization } });
    if (!answer.ok) throw new Error(`${service} ${path}: ${answer.status}: ${(await answer.text()).slice(0, 2000)}`);
    return answer;
  }
}

function tag(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
}

async function until(what: string, look: () => Promise<true | undefined>): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    if (await look()) return;
    await pause(LOOK_EVERY_MS);
  }
  throw new Error(`${what} did not come up`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
