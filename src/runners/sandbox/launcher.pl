# Starts a program inside: does the steps of a plan to itself, then becomes the program. The plan is made by
# plan.ts; launcher.py does the same where there is no Perl.
# Invariant: a step that fails ends the process; nothing is started with less than the plan says.
#   call NAME NUMBER ARGUMENT…   a system call; an argument is a number, x and bytes in hex, or $ and the
#                                name of an earlier call for its result
#   try NAME NUMBER ARGUMENT…    the same, may fail; prints NAME, result and error number
#   path NUMBER RIGHTS PATH      opens PATH (NUMBER is openat) and grants RIGHTS on it
#   filter NUMBER BYTES          sets the filter of system calls (NUMBER is prctl)
#   fork                         the rest is done by a child
use strict;
# As `use warnings`, which takes as long to load as all the rest.
BEGIN { $^W = 1 }

my ($plan, @command) = @ARGV;
my %result;

sub failed {
    my ($name) = @_;
    my $reason = "$!";
    syswrite STDERR, "sandbox: $name: $reason\n";
    exit 126;
}

sub argument {
    my ($text) = @_;
    return pack 'H*', substr $text, 1 if $text =~ /^x/;
    return ($result{ substr $text, 1 } // -1) + 0 if $text =~ /^\$/;
    return $text + 0;
}

sub call {
    my ($name, $number, @texts) = @_;
    my @arguments = map { argument($_) } @texts;
    return $result{$name} = syscall($number + 0, @arguments);
}

sub grant {
    my ($openat, $rights, $path) = @_;
    # -100: the current folder. O_PATH and O_CLOEXEC. What went away since the plan was made is not granted.
    my $file = syscall($openat + 0, -100, $path, 0x280000, 0);
    return if $file < 0 && $! == 2;
    failed("open $path") if $file < 0;
    my $rule = pack 'Q l', $rights, $file;
    failed("grant $path") if syscall(445, $result{ruleset}, 1, $rule, 0) < 0;
    return;
}

for my $line (split /\n/, $plan) {
    my ($step, $rest) = split / /, $line, 2;
    if ($step eq 'call') {
        my @words = split / /, $rest;
        failed($words[0]) if call(@words) < 0;
    }
    elsif ($step eq 'try') {
        my @words = split / /, $rest;
        $! = 0;
        my $got = call(@words);
        syswrite STDOUT, join(' ', $words[0], $got, $! + 0) . "\n";
    }
    elsif ($step eq 'path') { grant(split / /, $rest, 3) }
    elsif ($step eq 'filter') {
        my ($prctl, $hex) = split / /, $rest;
        my $program = pack 'H*', $hex;
        my $described = pack 'S x6 P', length($program) / 8, $program;
        failed('filter') if syscall($prctl + 0, 22, 2, $described, 0, 0) < 0;
    }
    elsif ($step eq 'fork') {
        my $child = fork // failed('fork');
        if ($child) { waitpid $child, 0; exit($? >> 8) }
    }
}
exit 0 if !@command;
# It would warn beside what we say ourselves.
$^W = 0;
exec { $command[0] } @command or failed("start $command[0]");
