// The smallest HTTP server there is: the yardstick of start-up time.
import { createServer } from 'node:http';

createServer((_request, response) => response.end('{"status":"ok"}')).listen(
  Number(process.env.BENCH_PORT),
  '127.0.0.1',
);
