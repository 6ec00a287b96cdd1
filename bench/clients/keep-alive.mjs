// What a script would do that called the API over loopback HTTP: request after request on one connection.
// Prints the CPU time of this process per request in µs.
import { Agent, get } from 'node:http';

const [url = '', token = '', count = '0'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const options = { agent, headers: { 'X-DreamFactory-Session-Token': token } };

const ask = () =>
  new Promise((done, fail) => {
    const request = get(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => done(JSON.parse(text)));
    });
    request.on('error', fail);
  });

for (let i = 0; i < 200; i++) await ask();
const before = process.cpuUsage();
for (let i = 0; i < Number(count); i++) await ask();
const used = process.cpuUsage(before);
console.log((used.user + used.system) / Number(count));
agent.destroy();
