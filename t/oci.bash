# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# `load oci` after `load helper`: containers by a real OCI runtime, without a
# daemon. begin_images in setup_file, begin_boxes in setup after begin_test.
#
#   docker podman kubernetes privileged	what such a container gets, into BOX;
#			a test then changes what it is about
#   box ARG...		runs ARG... as PID 1 of one, in the foreground
#   start_box ARG...	in the background: $SUPERVISE_PID is the runtime, for
#			`ended`, and exits as PID 1 does; $INIT is that, as it
#			is seen from here
#   exec_box ARG...	one more process in the last one, as docker exec
#   box_script ARG...	writes what box does to the file box.bash
#
# BOX[...]:
#   runtime	crun, runc
#   caps	names of capabilities without CAP_
#   seccomp	docker, podman, old (Docker of 2020), kill, or empty for none;
#		more words are system calls that are refused, too, as the rest
#		or, as NAME=EPERM and NAME=ENOSYS, so
#   uid nnp readonly terminal	an uid; yes or empty for the others
#   cgroup	ro, rw, or empty for none
#   proc sys dev	yes, or empty for none
#   masked	yes: paths in /proc and /sys are hidden or read-only
#   pidns	yes; empty for that of the host; or the file of another
#   userns	first uid outside, or empty
#   image	root (busybox and all of t/prog, in /bin), scratch (nothing),
#		or another directory below $IMAGES
#   fds		how many descriptors from 3 on are passed
#   env		NAME=VALUE words
#
# In the container /t is $T, and the directory to begin in. Everything runs in
# $BOX_GROUP, $CG/test.box, which is what a private view of cgroup v2 has as its
# root; so no other cgroup is touched.

DOCKER_CAPS='CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID
	SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
PODMAN_CAPS='CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP
	SETGID SETPCAP SETUID SYS_CHROOT'
ALL_CAPS="$DOCKER_CAPS SYS_ADMIN SYS_PTRACE SYS_NICE NET_ADMIN SYS_BOOT"

# What the default profiles keep from a container with those capabilities, of
# the calls that this machine's headers know. (That is their complement: they
# list what is allowed. Docker 28, Podman 4 and later.)
NEVER='_sysctl acct add_key bpf clock_settime create_module delete_module
	fanotify_init finit_module get_kernel_syms init_module ioperm iopl kcmp
	kexec_file_load kexec_load lookup_dcookie migrate_pages move_pages
	nfsservctl open_by_handle_at perf_event_open process_madvise
	query_module quotactl quotactl_fd request_key setdomainname
	set_mempolicy_home_node sethostname settimeofday swapoff swapon sysfs
	uselib userfaultfd ustat vhangup'
NOT_IN_DOCKER='clone clone3 fsconfig fsmount fsopen fspick get_mempolicy
	io_uring_enter io_uring_register io_uring_setup keyctl mbind mount
	mount_setattr move_mount open_tree pidfd_getfd pivot_root reboot
	set_mempolicy setns syslog umount2 unshare'
NOT_IN_PODMAN='futex_waitv io_pgetevents io_uring_enter io_uring_register
	io_uring_setup vmsplice'
NOT_IN_2020='clone3 close_range faccessat2 openat2 pidfd_open
	pidfd_send_signal epoll_pwait2 process_mrelease futex_waitv'
NAMESPACE_FLAGS=$((0x7e020000))

docker() {
	BOX=([runtime]=crun [caps]=$DOCKER_CAPS [seccomp]=docker [uid]=0
		[nnp]='' [readonly]='' [terminal]='' [cgroup]=ro [proc]=yes
		[sys]=yes [dev]=yes [masked]=yes [pidns]=yes [userns]=''
		[image]=root [fds]='' [env]='')
}

podman() {
	docker
	BOX[caps]=$PODMAN_CAPS
	BOX[seccomp]=podman
}

kubernetes() { # without RuntimeDefault
	docker
	BOX[seccomp]=
}

privileged() {
	docker
	BOX[caps]=$ALL_CAPS
	BOX[seccomp]=
	BOX[cgroup]=rw
	BOX[masked]=
}

begin_images() {
	local busybox file
	export IMAGES=$BATS_FILE_TMPDIR/images
	mkdir -p "$IMAGES"/root/{bin,etc,tmp,proc,sys,dev,t} \
		"$IMAGES"/scratch/{proc,sys,dev,t}
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" \
		"$BATS_FILE_TMPDIR" "$IMAGES"
	chmod 1777 "$IMAGES/root/tmp"
	# Alpine has both, and the other one is not static
	busybox=$(command -v busybox.static || command -v busybox) ||
		return 0 # a test says so
	cp "$busybox" "$IMAGES/root/bin/busybox"
	chroot "$IMAGES/root" /bin/busybox --install -s /bin || return 0
	cp "$PROG"/* "$IMAGES/root/bin"
	cp "$SUPERVISE" "$IMAGES/root/bin/supervise"
	cp "$SUPERVISE" "$IMAGES/scratch/supervise"
	! file=$(command -v tini-static) || cp "$file" "$IMAGES/root/bin"
	# the last ones only where the machine has no numbers of its own
	for file in /usr/include/{*/,}asm/unistd_64.h \
		/usr/include/asm-generic/unistd.h; do
		[[ ! -e $file ]] || break
	done
	sed -n 's/^#define __NR\(3264\)*_\([a-z0-9_]*\)[[:space:]].*/\2/p' \
		"$file" | sort -u >"$IMAGES/calls"
}

begin_boxes() {
	[[ -z ${SAN-} ]] || skip "a static binary is what goes into an image"
	needs root is_root
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
	needs crun
	needs busybox test -e "$IMAGES/root/bin/sh"
	declare -gA BOX
	BOXES=0
	INIT=
	chmod go+x "$BATS_RUN_TMPDIR/test"
	chmod 1777 "$T"
	make_cgroup box
	BOX_GROUP=$CG/test.box
	docker
}

# $CG is the root of a view that has nothing else; no runtime then mistakes
# this machine's hierarchies for its own.
IN_VIEW='echo 0 >"$1/cgroup.procs" && shift || exit 99
	exec unshare -mC --propagation private sh -c "
		umount -l /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 99
		exec \"\$@\"" sh "$@"'

json() { # a string
	local s=$1
	s=${s//\\/\\\\}
	s=${s//\"/\\\"}
	s=${s//$'\n'/\\n}
	s=${s//$'\t'/\\t}
	s=${s//$'\r'/\\r}
	printf '"%s"' "$s"
}

json_list() {
	local item text=
	for item; do text+=,$(json "$item"); done
	printf '[%s]' "${text#,}"
}

# The same for many that need no care: loops are slow where bats traces them.
json_words() { # PREFIX WORDS
	local text=
	# shellcheck disable=SC2086 # words
	[[ -z $2 ]] || printf -v text ",\"$1%s\"" $2
	printf '[%s]' "${text#,}"
}

filter() {
	local what=$1 word error denied default=SCMP_ACT_ERRNO,1 allowed
	shift
	case $what in
	docker) denied="$NEVER $NOT_IN_DOCKER" ;;
	podman)
		denied="$NEVER $NOT_IN_PODMAN"
		default=SCMP_ACT_ERRNO,38
		;;
	old) denied="$NEVER $NOT_IN_DOCKER $NOT_IN_2020" ;;
	kill)
		denied="$NEVER $NOT_IN_DOCKER"
		default=SCMP_ACT_KILL_PROCESS,
		;;
	esac
	[[ " ${BOX[caps]} " != *' SYS_ADMIN '* || $what != docker ]] ||
		denied="$NEVER keyctl pidfd_getfd"
	for word; do denied+=" ${word%=*}"; done
	# shellcheck disable=SC2086 # words
	allowed=$(printf '%s\n' $denied | grep -vxFf - "$IMAGES/calls" |
		tr '\n' ' ')
	printf ',"seccomp":{"defaultAction":"%s"' "${default%,*}"
	[[ -z ${default#*,} ]] || printf ',"defaultErrnoRet":%d' "${default#*,}"
	printf ',"syscalls":[{"names":%s,"action":"SCMP_ACT_ALLOW"}' \
		"$(json_words '' "$allowed")"
	# what is denied is not to hide as "no such call"; but for clone3
	[[ $what != podman ]] || deny 1 "$NEVER"
	[[ $what != docker || $denied != *clone3* || $* = *clone3* ]] ||
		deny 38 clone3
	if [[ " $denied " = *[[:space:]]clone[[:space:]]* ]]; then
		printf ',{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":'
		printf '[{"index":0,"value":%d,"valueTwo":0,"op":"%s"}]}' \
			"$NAMESPACE_FLAGS" SCMP_CMP_MASKED_EQ
	fi
	for word; do
		error=${word#*=}
		case $error in
		ENOSYS) deny 38 "${word%=*}" ;;
		EPERM) deny 1 "${word%=*}" ;;
		esac
	done
	printf ']}'
}

deny() { # ERRNO WORDS
	printf ',{"names":%s,"action":"SCMP_ACT_ERRNO","errnoRet":%d}' \
		"$(json_words '' "$2")" "$1"
}

mount_of() { # DESTINATION TYPE OPTION...
	printf ',{"destination":"%s","type":"%s","source":"%s","options":%s}' \
		"$1" "$2" "$2" "$(json_words '' "${*:3}")"
}

mounts() {
	local safe=(nosuid noexec nodev) ro=ro
	[[ -n ${BOX[masked]} ]] || ro=rw
	printf '{"destination":"/t","type":"bind","source":%s,' "$(json "$T")"
	printf '"options":["rbind","rw"]}'
	[[ -z ${BOX[proc]} ]] || mount_of /proc proc "${safe[@]}"
	[[ -z ${BOX[dev]} ]] || {
		mount_of /dev tmpfs nosuid strictatime mode=755
		mount_of /dev/pts devpts nosuid noexec newinstance \
			ptmxmode=0666 mode=0620
		mount_of /dev/shm tmpfs "${safe[@]}" mode=1777
	}
	[[ -z ${BOX[sys]} ]] || mount_of /sys sysfs "${safe[@]}" "$ro"
	[[ -z ${BOX[sys]} || -z ${BOX[cgroup]} ]] ||
		mount_of /sys/fs/cgroup cgroup "${safe[@]}" "${BOX[cgroup]}"
}

namespaces() {
	local name
	for name in mount ipc uts network; do
		printf '{"type":"%s"},' "$name"
	done
	case ${BOX[pidns]} in
	yes) printf '{"type":"pid"},' ;;
	/*) printf '{"type":"pid","path":"%s"},' "${BOX[pidns]}" ;;
	esac
	[[ -z ${BOX[userns]} ]] || printf '{"type":"user"},'
	printf '{"type":"cgroup"}'
}

capabilities() {
	local all held name
	all=$(json_words CAP_ "${BOX[caps]}")
	held=$all
	# a user other than root has the bounding set only
	((BOX[uid] == 0)) || held='[]'
	printf '"bounding":%s,"effective":%s,"permitted":%s' \
		"$all" "$held" "$held"
	for name in inheritable ambient; do printf ',"%s":[]' "$name"; done
}

yes_no() {
	[[ -n $1 ]] && echo true || echo false
}

config() { # ARG...
	local map
	printf '{"ociVersion":"1.0.2","hostname":"box"'
	printf ',"root":{"path":%s,"readonly":%s}' \
		"$(json "$IMAGES/${BOX[image]}")" "$(yes_no "${BOX[readonly]}")"
	printf ',"process":{"terminal":%s,"cwd":"/t","noNewPrivileges":%s' \
		"$(yes_no "${BOX[terminal]}")" "$(yes_no "${BOX[nnp]}")"
	printf ',"user":{"uid":%d,"gid":%d},"args":%s' \
		"${BOX[uid]}" "${BOX[uid]}" "$(json_list "$@")"
	# shellcheck disable=SC2086 # words
	printf ',"env":%s' "$(json_list PATH=/bin HOME=/ ${BOX[env]})"
	printf ',"capabilities":{%s}}' "$(capabilities)"
	printf ',"mounts":[%s]' "$(mounts)"
	printf ',"linux":{"cgroupsPath":"/test.inner","namespaces":[%s]' \
		"$(namespaces)"
	[[ -z ${BOX[userns]} ]] || {
		map=$(printf '[{"containerID":0,"hostID":%d,"size":65536}]' \
			"${BOX[userns]}")
		printf ',"uidMappings":%s,"gidMappings":%s' "$map" "$map"
	}
	[[ -z ${BOX[masked]} || -z ${BOX[proc]} ]] || {
		printf ',"maskedPaths":%s' "$(json_words / 'proc/asound
			proc/acpi proc/kcore proc/keys proc/latency_stats
			proc/timer_list proc/timer_stats proc/sched_debug
			proc/scsi sys/firmware')"
		printf ',"readonlyPaths":%s' "$(json_words /proc/ 'bus fs irq
			sys sysrq-trigger')"
	}
	# shellcheck disable=SC2086 # words
	[[ -z ${BOX[seccomp]} ]] || filter ${BOX[seccomp]}
	printf '}}\n'
}

# Sets WORDS to the command that runs it.
make_box() { # ARG...
	# a free one, as `run` forgets the number
	until mkdir "$T/box.$BOXES" 2>/dev/null; do ((++BOXES)); done
	BUNDLE=$T/box.$BOXES
	config "$@" >"$BUNDLE/config.json" || return
	runtime_words
	WORDS+=(run --pid-file "$BUNDLE/pid" --bundle "$BUNDLE")
	[[ -z ${BOX[fds]} ]] || WORDS+=(--preserve-fds "${BOX[fds]}")
	WORDS+=("box$BOXES")
}

runtime_words() {
	WORDS=(sh -c "$IN_VIEW" sh "$BOX_GROUP" "${BOX[runtime]}"
		--root "$T/state")
	[[ ${BOX[runtime]} != crun ]] || WORDS+=(--cgroup-manager=disabled)
}

# What hangs is killed, or `run` would wait for the end of its output.
box() {
	local pid r=0
	make_box "$@" || return
	timeout --foreground -s KILL "$T_LIMIT" "${WORDS[@]}" 3>&- 4>&- || r=$?
	pid=$(cat "$BUNDLE/pid" 2>/dev/null) || pid=none
	! grep -qx "$pid" "$BOX_GROUP/cgroup.procs" || kill -KILL "$pid"
	return "$r"
}

start_box() {
	make_box "$@" || return
	spawn "${WORDS[@]}"
	# shellcheck disable=SC2034 # of t/helper.bash
	SUPERVISE_PID=$!
	find_init
}

find_init() {
	wait_until test -s "$BUNDLE/pid"
	# shellcheck disable=SC2034 # of the test
	INIT=$(<"$BUNDLE/pid")
}

box_script() {
	make_box "$@" || return
	printf 'exec %s\n' "${WORDS[*]@Q}" >"$T/box.bash"
}

exec_box() {
	local WORDS
	runtime_words
	"${WORDS[@]}" exec "box$BOXES" "$@" 3>&- 4>&-
}
