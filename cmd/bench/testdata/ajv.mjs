// Validates a file with a payload on each line with ajv, compiled, each payload against the request schema of its event in a composed document.
// Use: node ajv.mjs FOLDER-WITH-NODE-MODULES DOCUMENT PAYLOADS. Writes how many payloads are valid.
import { createRequire } from 'node:module';
import { createReadStream, readFileSync } from 'node:fs';

const [, , modules, document, payloads] = process.argv;
const Ajv = createRequire(modules + '/')('ajv/dist/2020.js').default;
const { paths, components } = JSON.parse(readFileSync(document, 'utf8'));
const ajv = new Ajv({ strict: false, validateFormats: false });
const validators = Object.create(null);
for (const [path, item] of Object.entries(paths)) {
  const { schema } = item.post.requestBody.content['application/json'];
  validators[path.slice(1)] = ajv.compile({ ...schema, components });
}
let valid = 0;
const check = (line) => {
  const payload = JSON.parse(line);
  if (validators[payload.event]?.(payload)) valid++;
};
// Lines are cut by hand: the readline module takes several times as long.
let rest = '';
for await (const chunk of createReadStream(payloads, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
  const text = rest + chunk;
  let from = 0;
  for (let at; (at = text.indexOf('\n', from)) >= 0; from = at + 1) check(text.slice(from, at));
  rest = text.slice(from);
}
console.log(valid);
