# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# `load attack` after `load helper`, and begin_scenes in setup, end_scenes in
# teardown: the programs that attack, brought to an end in every way.
#
#   gone [-f FORMS] [-e ENDINGS] [-c CODE] PROBE [ARG...]
#	Runs $PROG/PROBE lock ready ARG... under supervise in each of the FORMS,
#	and when it is in position it comes to an end in each of the ENDINGS:
#
#	itself		the program ends, with 7
#	term		supervise gets SIGTERM: CODE (143)
#	parent		the parent of supervise dies, --die-with-parent: CODE
#	lifeline	the pipe of --lifeline comes to its end: CODE
#	killed		supervise gets SIGKILL
#
#	After that nobody holds the lock (with `killed`: soon), and no cgroup
#	is left (with `killed`: after the next start). FORMS are words as -v
#	shows them, and -v must. Which endings a form is good for is in
#	ENDINGS_OF; those that are not in -e are left out.
#   scene FORM ENDING CODE PROBE [ARG...]	one of these
#
#   LAUNCH=()	words before supervise: what puts it into its environment, and
#		execs it; or runs it as its child and exits as it does: FORKS=yes
#   OPTIONS=()	more of supervise's
#   WITHIN=()	words between supervise and the probe
#   in_position	a function of the test file may replace it

begin_scenes() {
	begin_test
	SCENES=0
	NOW=
	FORKS=
	LAUNCH=()
	OPTIONS=(-k 100ms)
	WITHIN=()
	# what makes a machine that can do more take a form; [other]: as it is
	declare -gA OPTIONS_OF=(
		[pidns]=--no-cgroup
		[cgroup+guard]=--no-pidns
		[subreaper]='--no-cgroup --no-pidns'
	)
	declare -gA ENDINGS_OF=(
		[pidns+cgroup]='itself term parent lifeline killed'
		[pidns]='itself term killed'
		[cgroup+guard]='itself term killed'
		[subreaper]='itself term'
	)
}

end_scenes() {
	[[ -n $BATS_TEST_COMPLETED || -z $NOW ]] || echo "while: $NOW"
	end_test
}

in_position() {
	test -s ready
}

gone() {
	local forms='pidns+cgroup pidns cgroup+guard subreaper'
	local endings='itself term parent lifeline killed' code=143
	local form ending option OPTIND=1
	while getopts f:e:c: option; do
		case $option in
		f) forms=$OPTARG ;;
		e) endings=$OPTARG ;;
		c) code=$OPTARG ;;
		*) return 100 ;;
		esac
	done
	shift $((OPTIND - 1))
	for form in $forms; do
		for ending in ${ENDINGS_OF[$form]}; do
			[[ " $endings " != *" $ending "* ]] ||
				scene "$form" "$ending" "$code" "$@"
		done
	done
}

no_leaves() {
	[[ -z $CG || -z $(find "$CG" -mindepth 1 -type d ! -name 'test.*') ]]
}

# The next start removes what a killed supervise has left.
tidy() {
	no_leaves || { "$SUPERVISE" true && no_leaves; }
}

children_of() { # the file that lists them, without an end of line
	echo "/proc/$1/task/$1/children"
}

# sets VICTIM to the pid of supervise
find_victim() {
	VICTIM=$SUPERVISE_PID
	[[ -z $FORKS ]] || read -r VICTIM _ <"$(children_of "$VICTIM")" || :
	[[ -n $VICTIM ]]
}

scene() {
	local form=$1 ending=$2 code=$3 VICTIM
	local T_LIMIT=$((2 * T_LIMIT)) # thousands of processes take a while
	shift 3
	NOW="$* / $form / $ending"
	((++SCENES))
	mkdir -p "$T/$SCENES"
	chmod 1777 "$T/$SCENES"
	cd "$T/$SCENES" || return

	# shellcheck disable=SC2206 # words
	local command=("${LAUNCH[@]}" "$SUPERVISE" -v ${OPTIONS_OF[$form]-}
		"${OPTIONS[@]}")
	local program=("${WITHIN[@]}" "$PROG/$1" lock ready "${@:2}")
	case $ending in
	parent)
		spawn "$PROG/abandon" "${command[@]}" --die-with-parent -- \
			"${program[@]}"
		;;
	lifeline)
		mkfifo life
		exec 8<>life
		spawn "${command[@]}" --lifeline 9 -- "${program[@]}" \
			9<life 8>&-
		;;
	*)
		spawn "${command[@]}" -- "${program[@]}"
		;;
	esac
	SUPERVISE_PID=$!
	wait_until in_position
	wait_until grep -q "tree: $form\( \|\$\)" "$T/err"

	case $ending in
	itself)
		code=7
		: >end
		;;
	term)
		find_victim
		kill -TERM "$VICTIM"
		;;
	parent)
		kill -USR1 "$SUPERVISE_PID"
		;;
	lifeline)
		exec 8>&-
		;;
	killed)
		code=137
		find_victim
		kill -KILL "$VICTIM"
		;;
	esac
	ended
	[[ $ending != killed ]] || wait_until flock -n lock true
	no_survivors lock
	# shellcheck disable=SC2154 # set by ended
	# (unshare cannot pass on a SIGKILL)
	((status == code)) || [[ -n $FORKS && $ending = killed ]] || {
		echo "exit code $status, expected $code"
		return 1
	}
	[[ $ending != killed ]] || wait_until tidy
	no_leaves
	NOW=
}
