<?php
// Our program in a PHP runner: takes frames on descriptor 3, runs scripts one after the other, answers each.
// Invariant: an answer leaves before the next run starts, except those of quick runs that came in one read. What
// may leave something behind runs in a fork of this process. When descriptor 3 closes, the server is gone and
// this process ends.
declare(strict_types=1);

namespace Tenon\Runner;

// The rest of it cannot even be read by older ones; the log of the server quotes these words.
if (PHP_VERSION_ID < 80100) {
    fwrite(STDERR, 'FATAL ERROR: PHP ' . PHP_VERSION . ' is too old for scripts; 8.1 or later is needed.');
    exit(78);
}

require __DIR__ . '/extensions.php';
require __DIR__ . '/exceptions.php';
require __DIR__ . '/known-functions.php';
require __DIR__ . '/lookups.php';
require __DIR__ . '/lookup-binding.php';
require __DIR__ . '/script-text.php';
require __DIR__ . '/program.php';
require __DIR__ . '/evaluation.php';
require __DIR__ . '/event-view.php';
require __DIR__ . '/platform.php';
require __DIR__ . '/attempts.php';
require __DIR__ . '/script-functions.php';
require __DIR__ . '/thrown-value.php';
require __DIR__ . '/surroundings.php';
require __DIR__ . '/baseline.php';
require __DIR__ . '/channel.php';
require __DIR__ . '/script-run.php';
require __DIR__ . '/fork.php';
require __DIR__ . '/loop.php';

(new Loop())->serve();
