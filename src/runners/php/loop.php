<?php
// The life of the process: frames come in, programs are kept, runs are answered one after the other.
// Invariant: everything of a run is gone before the next one starts, or the answer says that the process must go.
declare(strict_types=1);

namespace Tenon\Runner;

/** What the first frame says. */
final class Settings
{
    public int $logBytes = 0;
    public int $resultBytes = 0;
    public array $config = [];
    public ?string $packages = null;
    /** @var list<string> */
    public array $readPaths = [];

    public function read(string $json): void
    {
        $told = json_decode($json, true);
        $this->logBytes = $told['logBytes'];
        $this->resultBytes = $told['resultBytes'];
        $this->config = json_decode($told['config'], true) ?? [];
        $this->packages = $told['packages'] ?? null;
        $this->readPaths = $told['readPaths'] ?? [];
    }
}

final class Loop
{
    // As in the Node host: held longer, server and runner take turns instead of working at the same time.
    private const HELD_ANSWERS = 8;
    private const HELD_BYTES = 65_536;
    // A run that took longer lets us look whether the server recalled those behind it.
    private const SLOW_NS = 1_000_000;
    private const THOROUGH_EVERY = 4_096;
    private const DROPPED = 19;

    /** In a child: the frame that it hands over at its very end. */
    public static ?string $frame = null;

    private Channel $channel;
    private Settings $settings;
    private Baseline $baseline;
    /** @var array<int, Program> */
    private array $programs = [];
    private array $recalled = [];
    private \Closure $loader;
    private int $extensions = 0;
    private int $held = 0;
    private int $runs = 0;
    private bool $isLast = false;

    public function serve(): never
    {
        $this->settings = new Settings();
        $this->channel = new Channel(3);
        $this->prepare();
        $this->extensions = Extensions::$loaded;
        $this->baseline = new Baseline();
        $this->channel->write(pack('VC', 1, 16));
        for (;;) {
            $frame = $this->channel->taken();
            if ($frame === null) {
                $this->flush();
                $frame = $this->channel->next();
            }
            $this->take($frame);
        }
    }

    private function prepare(): void
    {
        Extensions::loadBase();
        // Nothing that scripts print may reach a descriptor; this buffer cannot be closed, only asked.
        ob_start(function (string $text, int $phase): string {
            Run::$current?->print($text);
            // The very last thing that PHP does: a function that the script left for the end ended the others.
            if ($phase & PHP_OUTPUT_HANDLER_FINAL && Run::$current !== null) $this->conclude(Run::$current);
            return '';
        }, 1, 0);
        set_error_handler(self::heard(...));
        register_shutdown_function($this->shutdown(...));
        $this->loader = $this->autoload(...);
        spl_autoload_register($this->loader, true, true);
        @date_default_timezone_set(getenv('TZ') ?: 'UTC');
        $GLOBALS['tenon lookup'] = lookup(...);
        unset($GLOBALS['argv'], $GLOBALS['argc']);
        Surroundings::show(null);
    }

    private function take(string $frame): void
    {
        switch (ord($frame[0])) {
            case Channel::RUN:
                $this->takeRun($frame);
                break;
            case Channel::LOAD:
                $flags = ord($frame[5]);
                [$name, $code] = Channel::texts($frame, 6, 2);
                $this->programs[unpack('V', $frame, 1)[1]] = new Program($name, $code, $flags);
                $this->rebase();
                break;
            case Channel::START:
                $this->start(Channel::texts($frame, 1, 1)[0]);
                break;
            case Channel::RECALL:
                unset($this->recalled[substr($frame, 1, 16)]);
        }
    }

    private function start(string $json): void
    {
        $this->settings->read($json);
        $libraries = $this->settings->packages === null ? [] : [$this->settings->packages . '/libraries'];
        set_include_path(implode(PATH_SEPARATOR, ['.', ...$this->settings->readPaths, ...$libraries]));
        $this->baseline = new Baseline();
    }

    private function takeRun(string $frame): void
    {
        $id = substr($frame, 1, 16);
        if (isset($this->recalled[$id])) {
            unset($this->recalled[$id]);
            $this->channel->write(pack('VC', 17, self::DROPPED) . $id);
            return;
        }
        $index = unpack('V', $frame, 17)[1];
        $program = $this->programs[$index] ?? exit(70);
        $texts = Channel::texts($frame, 22, 8);
        $run = new Run($id, $program, (ord($frame[21]) & 1) === 1, $texts, $this->settings, $this->channel);
        if ($program->isCheck) $this->check($run, $index);
        elseif ($program->isQuick) $this->runQuickly($run);
        else $this->runAlone($run);
    }

    private function runQuickly(Run $run): void
    {
        $start = hrtime(true);
        Run::$current = $run;
        $frame = $run->perform();
        Run::$current = null;
        if ((++$this->runs & (self::THOROUGH_EVERY - 1)) === 0) $frame = $this->examined($frame);
        $isHeld = ++$this->held < self::HELD_ANSWERS && $this->channel->held() + strlen($frame) < self::HELD_BYTES;
        $this->channel->write($frame, $isHeld);
        if (!$isHeld) $this->held = 0;
        if (hrtime(true) - $start <= self::SLOW_NS) return;
        $this->flush();
        $this->recalled = $this->channel->recalled();
    }

    private function runAlone(Run $run): void
    {
        $this->flush();
        $program = $run->program;
        if ($program->isPristine && $program->text !== null) $this->loadExtensions($program->text);
        $work = fn (): string => $this->performed($run);
        $frame = $program->isPristine && Fork::isPossible() ? Fork::frameOf($work) : false;
        // The fork died without a word, and says by that how it ended.
        if ($frame === null) exit(71);
        if ($frame === false) $frame = $this->performedHere($run);
        $this->channel->write($frame);
    }

    private function performedHere(Run $run): string
    {
        $frame = $this->performed($run);
        if ($run->program->isPristine) return self::retiring($frame);
        return $run->program->text?->isSuspicious ? $this->examined($frame) : $frame;
    }

    private function performed(Run $run): string
    {
        Run::$current = $run;
        $text = $run->program->text;
        $showsRequest = $text !== null && ($text->usesSuperglobals || $run->program->isPristine);
        if ($showsRequest) Surroundings::show($run->view);
        foreach ($run->program->isPristine && $text !== null ? $text->namespaces : [] as $namespace => $_) shimNamespace($namespace);
        $frame = $run->perform();
        if ($showsRequest && !Fork::isChild()) Surroundings::show(null);
        if (!Fork::isChild()) Run::$current = null;
        return $frame;
    }

    // What is only read is compiled in a fork: an error that PHP does not throw ends that one alone.
    private function check(Run $run, int $index): void
    {
        unset($this->programs[$index]);
        $this->flush();
        $work = static function () use ($run): string {
            Run::$current = $run;
            try {
                $text = $run->program->text();
                if (Fork::isChild()) compiled($text);
            } catch (\Throwable $error) {
                return $run->refused($error->getMessage(), $error->getLine());
            }
            return $run->answered(json_encode(['isPristine' => $text->isPristine, 'isQuick' => $text->isQuick]));
        };
        $frame = Fork::isPossible() ? Fork::frameOf($work) : false;
        if ($frame === null) exit(71);
        if ($frame === false) $frame = $work();
        Run::$current = null;
        $this->channel->write($frame);
    }

    private function loadExtensions(ScriptText $text): void
    {
        if ($text->usesInclude || ($text->namespaces !== [] && $this->settings->packages !== null)) Extensions::loadCommon();
        $this->rebase();
    }

    // An extension brings its functions, classes and settings.
    private function rebase(): void
    {
        if ($this->extensions === Extensions::$loaded) return;
        $this->extensions = Extensions::$loaded;
        $this->baseline = new Baseline();
    }

    private function examined(string $frame): string
    {
        return $this->baseline->isWhole() ? $frame : self::retiring($frame);
    }

    private static function retiring(string $frame): string
    {
        $frame[22] = chr(ord($frame[22]) | Run::RETIRES);
        return $frame;
    }

    private function flush(): void
    {
        $this->held = 0;
        $this->channel->flush();
    }

    private static function heard(int $kind, string $message, string $file = '', int $line = 0): bool
    {
        // Silenced with @.
        if ((error_reporting() & $kind) === 0) return true;
        $name = match ($kind) {
            E_WARNING, E_USER_WARNING => 'Warning',
            E_NOTICE, E_USER_NOTICE => 'Notice',
            E_DEPRECATED, E_USER_DEPRECATED => 'Deprecated',
            default => 'Error',
        };
        $place = ThrownValue::isOfScript($file) ? " in line $line" : '';
        Run::$current?->warn("$name: " . ThrownValue::withoutPaths($message) . $place);
        return true;
    }

    // Reached by `exit` and by errors that nothing can catch. Functions that a script left for the end come first.
    private function shutdown(): void
    {
        $run = Run::$current;
        if ($run === null) return;
        ini_set('memory_limit', '-1');
        if (!$this->isLast) {
            $this->isLast = true;
            register_shutdown_function($this->shutdown(...));
            return;
        }
        Run::closeBuffers();
        $this->conclude($run);
    }

    private function conclude(Run $run): void
    {
        $frame = self::$frame ?? $run->ended();
        Run::$current = null;
        if (Fork::isChild()) Fork::finish($frame);
        $this->channel->write(self::retiring($frame));
    }

    // The packages of the operator are loaded when a script names a class that nobody knows.
    private function autoload(string $class): void
    {
        // Warm runs know all their classes; a name in a text must not load anything there.
        if (!(Run::$current?->program->isPristine ?? false)) return;
        Extensions::loadFor($class);
        $at = strrpos($class, '\\');
        if ($at > 0) shimNamespace(substr($class, 0, $at));
        $file = $this->settings->packages . '/vendor/autoload.php';
        if ($this->settings->packages === null || !is_file($file) || in_array(realpath($file), get_included_files(), true)) return;
        require_once $file;
        foreach (spl_autoload_functions() as $loader) {
            if (class_exists($class, false) || interface_exists($class, false) || trait_exists($class, false)) return;
            if ($loader !== $this->loader) $loader($class);
        }
    }
}
