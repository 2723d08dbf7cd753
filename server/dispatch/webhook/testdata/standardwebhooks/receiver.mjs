// Usage: node receiver.mjs FOLDER SECRET. Listens on a free port of this machine, says which, and answers each POST with 204 when the npm package
// standardwebhooks, installed in the folder, finds it signed with the secret, and with 401 and the reason when not.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [folder, secret] = process.argv.slice(2);
const { Webhook } = createRequire(folder + '/')('standardwebhooks');
const webhook = new Webhook(secret);

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    try {
      webhook.verify(Buffer.concat(parts), request.headers);
      response.writeHead(204).end();
    } catch (error) {
      response.writeHead(401).end(error.message);
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
