#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What is typed wrong, and what is asked for. Nothing is started by any of it.

load helper

# refused OPTION VALUE ARG...: one line that names both, 100, nothing started
refused() {
	local option=$1 value=$2
	shift 2
	run -100 --separate-stderr "$SUPERVISE" "$@"
	told "$option" "$value" "$@"
}

told() {
	# shellcheck disable=SC2154 # set by run
	[[ -z $output && ${#stderr_lines[@]} = 1 &&
		$stderr = "supervise: usage: "* && $stderr = *"$1"*"$2"* &&
		! -e started ]] ||
		{
			echo "$*: stdout '$output', stderr '$stderr'"
			ls
			return 1
		}
}

# the table in lib/options.c, which is what there is: a name a line
long_options() {
	sed -n 's/^\t{ [^"]*, "\([a-z-]*\)", .*/\1/p' "$TOP/lib/options.c"
}

@test "a wrong value: one line that names option and value, 100" {
	local option
	refused --stop-signal "'FOO'" -s FOO touch started
	refused --stop-signal "'65'" --stop-signal=65 touch started
	refused --kill-after "'5x'" -k 5x touch started
	refused --kill-after "'-1'" --kill-after=-1 touch started
	refused --timeout "'soon'" -t soon touch started
	refused --timeout "'0'" -t 0 touch started
	refused --until "'tomorrow'" --until tomorrow touch started
	refused --until "'2027-02-29T00:00Z'" --until 2027-02-29T00:00Z \
		touch started
	refused --lifeline "'x'" --lifeline x touch started
	refused --lifeline "'-1'" --lifeline=-1 touch started
	refused --cgroup "'a/'" -C a/ touch started
	refused --require "'magic'" --require magic touch started
	refused --map "'INT'" --map INT touch started
	refused --map "'KILL=TERM'" --map KILL=TERM touch started
	refused --exit-code "'1=256'" --exit-code 1=256 touch started
	refused --restart "'maybe'" -r maybe touch started
	refused --restart-delay "'5:1'" --restart-delay 5:1 touch started
	refused --restart-limit "'x/5'" --restart-limit x/5 touch started
	refused --restart-limit "'3/0'" --restart-limit 3/0 touch started
	refused --status-fd "'out'" --status-fd out touch started
	for option in stop-signal kill-after timeout until lifeline cgroup \
		require map exit-code restart restart-delay restart-limit \
		status-fd; do
		refused "--$option" "''" "--$option=" touch started
	done
}

@test "a wrong value: the line says so also when the value is a long one" {
	local long
	printf -v long 'x%.0s' {1..5000}
	refused --kill-after "'xxxxxx" -k "$long" touch started
	((${#stderr} <= 1024))
	[[ $stderr = *"no duration"* ]]
}

@test "a wrong value does not write on the terminal but as text" {
	refused --kill-after "'?[31m?5'" -k $'\e[31m\n5' touch started
}

@test "an unknown option is named, also among others" {
	refused "usage: --nonsense" "" --nonsense touch started
	refused "usage: --nonsense" "" --nonsense=1 touch started
	refused "usage: -z " "" -z touch started
	refused "usage: -z " "" -vzq touch started
	refused "usage: -z " "" --no-proc -zq touch started
}

@test "an option with a value that it does not take is named" {
	refused "usage: --wait-all" "" --wait-all=1 touch started
	refused "usage: --verbose" "" --verbose=1 touch started
}

@test "an abbreviation that fits several options is refused" {
	refused "usage: --no " "" --no touch started
	refused "usage: --ver " "" --ver touch started
}

@test "an option without its value is named" {
	local option letter form
	for option in until lifeline require map exit-code restart-delay \
		restart-limit status-fd; do
		refused "usage: --$option " "needs a value" "--$option"
	done
	for option in stop-signal kill-after timeout cgroup restart; do
		letter=${option:0:1}
		[[ $option != cgroup ]] || letter=C
		for form in "-$letter" "--$option"; do
			run -100 --separate-stderr "$SUPERVISE" -v "$form"
			[[ $stderr = *"usage: $form needs a value" ]]
		done
	done
}

@test "options that contradict each other are named, both" {
	refused --no-cgroup --cgroup --no-cgroup -C x touch started
	refused --no-cgroup --require --no-cgroup --require cgroup touch started
	refused --no-pidns --require --no-pidns --require pidns touch started
	refused --no-pidns --userns --userns --no-pidns touch started
	refused --background --die-with-parent -b --die-with-parent \
		touch started
}

@test "a descriptor that cannot be what it is for is named" {
	refused --lifeline 90 --lifeline 90 touch started
	refused --status-fd 90 --status-fd 90 touch started
	refused --status-fd "3 (is not open for writing)" \
		--status-fd 3 touch started 3</dev/null
	refused --notify-fd "3 (is not open for writing)" \
		--notify-fd 3 touch started 3</dev/null
	ulimit -n 64
	refused --ready-fd 64 --ready-fd 64 touch started
	refused --ready-fd 2147483647 --ready-fd 2147483647 touch started
	run -0 "$SUPERVISE" --ready-fd 63 true
}

@test "of the clients one, and a word that it knows" {
	refused --wait "'bogus'" --wait bogus .
	refused --control "''" --control '' .
	refused --control "'up'" --status --control up .
	local option
	for option in '-r always' -b '-t 3' '-d x' --same-group '-k 1' '--map HUP=TERM'; do
		# shellcheck disable=SC2086
		refused "--status, --control, --wait" "no other option" --status $option .
		# shellcheck disable=SC2086
		refused "--status, --control, --wait" "no other option" $option --control up .
	done
	refused "--status, --control, --wait" "no other option" -k 3 --wait up -t 0 .
	run -111 "$SUPERVISE" -q --wait up -t 0 .
	run -111 "$SUPERVISE" --status -v -- .
	ln -s "$SUPERVISE" runsv
	run -100 ./runsv touch started
	[[ $output = "supervise: usage: runsv takes one directory" ]]
	[[ ! -e started ]]
}

@test "no program, or one without a name" {
	refused "no program" ""
	refused "no program" "" -v
	refused "no program" "" --
	refused empty "" ""
	refused empty "" -v -- "" x
}

@test "what follows the program is the program's" {
	run -0 "$SUPERVISE" echo --nonsense -k -- --help
	[[ $output = "--nonsense -k -- --help" ]]
	run -0 "$SUPERVISE" -- echo -v
	[[ $output = -v ]]
}

@test "--help: standard output, 0, whatever else is asked for" {
	run -0 --separate-stderr "$SUPERVISE" --help
	[[ $output = "usage: supervise "* && -z $stderr ]]
	local help=$output
	run -0 "$SUPERVISE" -h
	[[ $output = "$help" ]]
	run -0 "$SUPERVISE" -v -k 5 -h touch started
	[[ $output = "$help" && ! -e started ]]
}

@test "--help lists every option there is" {
	local name
	run -0 long_options
	((${#lines[@]} > 15))
	local options=("${lines[@]}")
	run -0 "$SUPERVISE" --help
	for name in "${options[@]}"; do
		grep -q -e "^  .*--$name  *[A-Za-z=]" <<<"$output" ||
			{ echo "not --$name"; false; }
	done
	[[ $(grep -v '^       supervise' <<<"$output" | grep -c '^  .* --') = "${#options[@]}" ]]
	for name in C b h k q r s t v V; do
		grep -q -e "^  -$name, --" <<<"$output" ||
			{ echo "not -$name"; false; }
	done
}

@test "--help tells the defaults" {
	run -0 "$SUPERVISE" --help
	grep -e '--stop-signal SIG .*(TERM)' <<<"$output"
	grep -e '--kill-after DUR .*(10s)' <<<"$output"
	grep -e '--timeout DUR .*(inf)' <<<"$output"
	grep -e '--cgroup NAME .*(supervise)' <<<"$output"
	grep -e '--restart WHEN .*(no)' <<<"$output"
	grep -e '--restart-delay MIN\[:MAX\] .*(1s:60s)' <<<"$output"
	grep -e '--restart-limit N\[/DUR\] .*(none)' <<<"$output"
}

@test "--help fits 80 columns, and ends with a newline" {
	"$SUPERVISE" --help >help
	run ! grep -E '.{81}' help
	[[ -z $(tail -c 1 help) ]]
	run ! grep -P '[^\x20-\x7e]' help
}

@test "--help tells the exit codes" {
	run -0 "$SUPERVISE" --help
	local code
	for code in 128+n 100 111 124 125 126 127; do
		[[ $output = *"$code"* ]]
	done
}

@test "--version: name and number on standard output, 0" {
	run -0 --separate-stderr "$SUPERVISE" --version
	[[ $output =~ ^supervise\ [0-9]+\.[0-9]+\.[0-9]+$ && -z $stderr ]]
	[[ $output = "supervise $(sed -n 's/^VERSION = //p' "$TOP/Makefile")" ]]
	local version=$output
	run -0 "$SUPERVISE" -V
	[[ $output = "$version" ]]
}

@test "--help and --version that nobody can read: 111" {
	local option
	for option in --help --version -h -V; do
		run -111 sh -c 'exec "$@" >/dev/full' sh "$SUPERVISE" "$option"
		run -111 "$PROG/inherit" -c 1 "$SUPERVISE" "$option"
	done
}

@test "--help and --version that nobody can read: the line says why" {
	run -111 sh -c 'exec "$@" >/dev/full' sh "$SUPERVISE" --help
	[[ ${#lines[@]} = 1 && $output = "supervise: fatal: "*ENOSPC* ]]
	run -111 "$PROG/inherit" -c 1 "$SUPERVISE" --version
	[[ ${#lines[@]} = 1 && $output = "supervise: fatal: "*EBADF* ]]
}

@test "--lifeline, --status-fd: a descriptor that is not open" {
	local option
	for option in --lifeline --status-fd; do
		refused "$option 99" "not open" "$option" 99 touch started
		refused "$option 2147483647" "not open" "$option" 2147483647 \
			touch started
	done
}

@test "--lifeline, --status-fd: not open by who started us, that is" {
	local fd option
	for fd in 0 3 4 5 6; do
		for option in --lifeline --status-fd; do
			run -100 --separate-stderr "$PROG/inherit" -c "$fd" \
				"$SUPERVISE" "$option" "$fd" touch started
			told "$option $fd" "not open"
		done
	done
	# where our own is a pipe it must not be taken for a lifeline either
	run -100 --separate-stderr "$PROG/inherit" -c 3 -c 4 \
		"$PROG/nosys" pidfd_open -- \
		"$SUPERVISE" --lifeline 3 touch started
	told "--lifeline 3" "not open"
}

@test "--lifeline: what never has an end that way" {
	touch file
	run -100 --separate-stderr "$SUPERVISE" --lifeline 9 touch started 9<file
	told "--lifeline 9" "no pipe, socket or terminal"
	run -100 --separate-stderr "$SUPERVISE" --lifeline 9 touch started 9<.
	told "--lifeline 9" "no pipe, socket or terminal"
	run -100 --separate-stderr "$SUPERVISE" --lifeline 9 touch started \
		9</dev/null
	told "--lifeline 9" "no pipe, socket or terminal"
}

@test "--until in the past: 124, one line, nothing started" {
	local time
	for time in @0 @1 1970-01-01T00:00Z 2020-02-29T12:00+01:00; do
		run -124 --separate-stderr "$SUPERVISE" --until "$time" \
			touch started
		[[ -z $output && ${#stderr_lines[@]} = 1 &&
			$stderr = "supervise: "*--until* && ! -e started ]]
	done
}

@test "a usage error is told also where standard error is a closed pipe" {
	run -100 sh -c '{ sleep 0.1; exec "$@" -k x true; } 2>&1 >&3 3>&- |
		true' sh "$SUPERVISE" 3>&1 || :
	run -100 "$PROG/inherit" -c 2 "$SUPERVISE" -k x touch started
	run -100 "$PROG/inherit" -c 0 -c 1 -c 2 "$SUPERVISE" -k x touch started
	[[ ! -e started ]]
}
