// Holds payloads against the request schemas of a composed document with ajv, and writes one letter for each: v valid, i invalid, s not JSON.
// Use: node verdicts.mjs FOLDER-WITH-NODE-MODULES DOCUMENT PAYLOADS, where each line of PAYLOADS is an event, a space, and a payload in base64.
import { createRequire } from 'node:module';
import { readFileSync, writeSync } from 'node:fs';

const [, , modules, document, payloads] = process.argv;
const Ajv = createRequire(modules + '/')('ajv/dist/2020.js').default;
const { paths, components } = JSON.parse(readFileSync(document, 'utf8'));
const ajv = new Ajv({ strict: false, validateFormats: false });
const validators = new Map();
for (const [path, item] of Object.entries(paths)) {
  const { schema } = item.post.requestBody.content['application/json'];
  validators.set(path.slice(1), ajv.compile({ ...schema, components }));
}
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
let verdicts = '';
for (const line of readFileSync(payloads, 'latin1').split('\n')) {
  if (line === '') continue;
  const [event, payload] = line.split(' ');
  let value;
  try {
    value = JSON.parse(decoder.decode(Buffer.from(payload, 'base64')));
  } catch {
    verdicts += 's';
    continue;
  }
  verdicts += validators.get(event)(value) ? 'v' : 'i';
}
writeSync(1, verdicts + '\n');
