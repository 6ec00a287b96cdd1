// SQS loses, repeats, mixes up, and is away: runs are performed all the same, each once.
import { brokerCase } from '../broker-fixture.ts';
import { hostileSuite } from '../hostile-suite.ts';

hostileSuite(brokerCase('sqs'));
