#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Real daemons: nginx, redis, postgres, and a script that leaves generations of
# them. Each is shown to serve; then it is stopped, or supervise is killed, and
# its port or socket is refused and no process of it is left. They hold no lock
# of ours: who is left is told by the cgroup that the test runs in.
#
# Their data is in $T, and each can run beside others of its kind.

load helper

setup_file() {
	load_postgres
	[[ -n $PG_BIN ]] || return 0
	# nobody has to get at it, and postgres wants it closed to all others
	chmod go+x "$BATS_RUN_TMPDIR" "${BATS_FILE_TMPDIR%/*}"
	mkdir -m 1777 "$BATS_FILE_TMPDIR/pg"
	chmod go+x "$BATS_FILE_TMPDIR"
	"${AS_POSTGRES[@]}" "$PG_BIN/initdb" -D "$BATS_FILE_TMPDIR/pg/data" \
		-U postgres -A trust --no-sync --no-locale -E UTF8 \
		>"$BATS_FILE_TMPDIR/initdb" 2>&1 3>&- 4>&- ||
		rm -rf "$BATS_FILE_TMPDIR/pg/data"
}

setup() {
	begin_test
	load_postgres
	shopt -s nullglob
}

teardown() {
	local -a lines=()
	# a killed postgres leaves a segment of shared memory to its next start
	if [[ -s $T/data/postmaster.pid ]]; then
		mapfile -t lines <"$T/data/postmaster.pid"
		ipcrm --shmem-id "${lines[6]##* }" || :
	fi
	end_test
}

# ---- who is there -----------------------------------------------------------

# The pids in the test's cgroup and below, without this shell: sets pids. Not a
# process is made for it, or that would be seen.
look_around() {
	local file pid
	pids=()
	for file in "$CG"/cgroup.procs "$CG"/*/cgroup.procs; do
		while read -r pid; do
			((pid == BASHPID)) || pids+=("$pid")
		done <"$file"
	done 2>/dev/null
}

alone() {
	[[ -n $CG ]] || return 0
	look_around
	((${#pids[@]} == 0)) || {
		echo "alone: ${#pids[@]} are still there"
		printf '%s\n' "${pids[@]}" | describe
		return 1
	}
}

at_least() { # processes, ours not counted
	[[ -n $CG ]] || return 0
	look_around
	((${#pids[@]} >= $1))
}

# What the process is called here that is $1 in its own namespace.
pid_outside() {
	local pid
	look_around
	for pid in "${pids[@]}"; do
		! grep -q "^NSpid:.*[[:space:]]$1\$" "/proc/$pid/status" ||
			echo "$pid"
	done
}

# The daemon at hand, by what it is there for; what it takes is in SERVES.
serves() {
	"${SERVES[@]}"
}

refused() {
	! serves
}

# At this instant, not after a while: supervise returns when all are gone.
gone() {
	alone
	! serves
}

# Killed, it says nothing any more; what the kernel has to do takes a moment.
kill_supervise() {
	leaves_cgroup
	kill -KILL "$SUPERVISE_PID"
	ended
	((status == 137))
	wait_until refused
	wait_until alone
}

stop_supervise() { # expected status
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == ${1:-0})) || {
		echo "status $status"
		return 1
	}
	gone
}

# Something that holds the tree when supervise is killed.
seals() { # option ...
	"$SUPERVISE" --require pidns "$@" true 2>/dev/null ||
		"$SUPERVISE" --require cgroup "$@" true 2>/dev/null
}

# ---- nginx ------------------------------------------------------------------

free_port() {
	# below those that connections are given
	port=$((20000 + RANDOM % 12000))
	while port_is_open; do
		port=$((20000 + RANDOM % 12000))
	done
}

port_is_open() {
	(exec 5<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# Its end is the end of the answer.
http_get() { # path
	{
		printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&5
		cat <&5
	} 5<>"/dev/tcp/127.0.0.1/$port"
}

nginx_answers() {
	http_get / | grep -q "served by"
}

make_nginx() { # on|off: daemon
	local name
	needs nginx
	free_port
	SERVES=(nginx_answers)
	{
		echo "daemon $1; pid $T/nginx.pid; worker_processes 2;"
		echo "events { worker_connections 64; } http {"
		for name in client_body proxy fastcgi uwsgi scgi; do
			echo "${name}_temp_path $T/$name;"
		done
		echo "access_log off; server { listen 127.0.0.1:$port;"
		# shellcheck disable=SC2016 # its own $
		echo 'location / { return 200 "served by $pid"; }'
		echo 'location /slow { limit_rate 2000; return 200 "'
		printf 'line %04d xxxxxxxxxxxxxxxxxxxxxxxxxxx\n' {1..80}
		echo '"; } } }'
	} >nginx.conf
	NGINX=("$(command -v nginx)" -p "$T/" -e "$T/error.log" -c "$T/nginx.conf")
}

served_by_other_than() { # worker's answer
	local answer
	answer=$(http_get / | tail -n 1)
	[[ $answer = "served by "* && $answer != "$1" ]]
}

@test "nginx in the foreground: HUP reloads it, TERM ends master and workers" {
	local before
	make_nginx off
	start "${NGINX[@]}"
	wait_until serves
	wait_until at_least 4 # supervise, master, two workers
	before=$(http_get / | tail -n 1)
	sed -i 's/worker_processes 2/worker_processes 1/' nginx.conf
	kill -HUP "$SUPERVISE_PID"
	wait_until served_by_other_than "$before"
	stop_supervise 0
	[[ ! -e nginx.pid ]] # its own last act
}

@test "nginx with -s QUIT finishes the answer that is under way" {
	make_nginx off
	start -s QUIT "${NGINX[@]}"
	wait_until serves
	http_get /slow >answer 5>&- &
	local client=$!
	wait_until grep -q "line 0001" answer
	run ! grep "line 0080" answer
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
	wait "$client"
	grep "line 0080" answer
	gone
}

@test "nginx as a daemon of its own lives with --wait-all until TERM" {
	make_nginx on
	start --wait-all "${NGINX[@]}"
	wait_until serves
	wait_until test -s nginx.pid
	stop_supervise 0
	[[ ! -e nginx.pid ]]
}

@test "nginx as a daemon of its own does not outlive its start without --wait-all" {
	make_nginx on
	start "${NGINX[@]}"
	ended
	((status == 0))
	gone
}

# In the foreground nginx ignores USR2.
@test "nginx replaced on the fly goes on under --wait-all" {
	local old
	needs cgroup cgroup_is_delegated
	make_nginx on
	start --wait-all "${NGINX[@]}"
	wait_until serves
	wait_until test -s nginx.pid
	old=$(<nginx.pid)
	kill -USR2 "$SUPERVISE_PID" # the workers do not care
	wait_until test -s nginx.pid.oldbin
	wait_until test -s nginx.pid
	(($(<nginx.pid) != old))
	kill -QUIT "$(pid_outside "$old")"
	wait_until test ! -e nginx.pid.oldbin
	serves
	stop_supervise 0
	[[ ! -e nginx.pid ]]
}

@test "nginx dies with a killed supervise" {
	needs seal seals
	make_nginx off
	start "${NGINX[@]}"
	wait_until serves
	wait_until at_least 4
	kill_supervise
}

@test "nginx as a daemon of its own dies with a killed supervise" {
	needs seal seals
	make_nginx on
	start --wait-all "${NGINX[@]}"
	wait_until serves
	wait_until test -s nginx.pid
	kill_supervise
}

@test "nginx on the weaker rungs: stopped, and dead with supervise" {
	local rung
	for rung in --no-pidns --no-cgroup "--no-pidns --no-cgroup"; do
		echo "# $rung"
		make_nginx off
		# shellcheck disable=SC2086 # options
		start $rung "${NGINX[@]}"
		wait_until serves
		stop_supervise 0

		make_nginx on
		# shellcheck disable=SC2086
		start $rung --wait-all "${NGINX[@]}"
		wait_until serves
		wait_until test -s nginx.pid
		stop_supervise 0

		# shellcheck disable=SC2086
		seals $rung || continue
		# shellcheck disable=SC2086
		start $rung --wait-all "${NGINX[@]}"
		wait_until serves
		kill_supervise
	done
}

# ---- redis ------------------------------------------------------------------

redis_answers() {
	[[ $(redis PING) = PONG ]]
}

make_redis() {
	needs redis-server
	needs redis-cli
	SERVES=(redis_answers)
	# the bare name: a socket's path may have no more than 107 bytes
	REDIS=(redis-server --port 0 --unixsocket redis.sock --dir "$T"
		--daemonize yes --pidfile "$T/redis.pid"
		--logfile "$T/redis.log" --save 3600 1)
}

redis() {
	timeout 5 redis-cli -s redis.sock "$@" 2>/dev/null
}

# Refused by the socket itself: nobody listens, though the name is there.
redis_refuses() {
	run timeout 5 redis-cli -s redis.sock PING
	[[ $output = *"Connection refused"* || $output = *"No such file"* ]]
}

@test "redis as a daemon of its own: TERM lets it save, and it has its data again" {
	make_redis
	start --wait-all "${REDIS[@]}"
	wait_until serves
	[[ $(redis SET key value) = OK ]]
	stop_supervise 0
	redis_refuses
	[[ -s dump.rdb && ! -e redis.pid ]]

	start --wait-all "${REDIS[@]}"
	wait_until serves
	[[ $(redis GET key) = value ]]
	stop_supervise 0
}

@test "redis and the child that it saves with die with a killed supervise" {
	needs seal seals
	make_redis
	start --wait-all "${REDIS[@]}" --rdb-key-save-delay 10000000
	wait_until serves
	[[ $(redis SET key value) = OK ]]
	[[ $(redis BGSAVE) = "Background saving started" ]]
	redis INFO persistence | grep rdb_bgsave_in_progress:1
	kill_supervise
	redis_refuses
}

@test "redis that ends by itself ends supervise under --wait-all" {
	make_redis
	start --wait-all "${REDIS[@]}"
	wait_until serves
	redis SHUTDOWN NOSAVE || :
	ended
	((status == 0))
	gone
}

@test "redis on the weaker rungs: stopped, and dead with supervise" {
	local rung
	make_redis
	for rung in --no-pidns --no-cgroup "--no-pidns --no-cgroup"; do
		echo "# $rung"
		# shellcheck disable=SC2086 # options
		start $rung --wait-all "${REDIS[@]}"
		wait_until serves
		stop_supervise 0
		# a bare namespace has no way to ask who is left, only to kill
		[[ $rung = --no-cgroup || ! -e redis.pid ]]

		# shellcheck disable=SC2086
		start $rung --wait-all "${REDIS[@]}"
		wait_until serves
		redis SHUTDOWN NOSAVE || :
		ended
		((status == 0))
		gone

		# shellcheck disable=SC2086
		seals $rung || continue
		# shellcheck disable=SC2086
		start $rung --wait-all "${REDIS[@]}"
		wait_until serves
		kill_supervise
	done
}

@test "redis without any privilege, in a user namespace" {
	needs nobody nobody_can_run
	needs nobody_userns nobody_userns_is_permitted
	make_redis
	spawn "${AS_NOBODY[@]}" "$SUPERVISE" --userns --require pidns \
		--wait-all "${REDIS[@]}"
	SUPERVISE_PID=$!
	wait_until serves
	stop_supervise 0
	spawn "${AS_NOBODY[@]}" "$SUPERVISE" --userns --require pidns \
		--wait-all "${REDIS[@]}"
	SUPERVISE_PID=$!
	wait_until serves
	kill_supervise
}

# ---- postgres ---------------------------------------------------------------

# Of the packages: what is in PATH may be a wrapper, or another one.
load_postgres() {
	local dir
	PG_BIN=
	for dir in /usr/lib/postgresql/*/bin /usr/libexec/postgresql* /usr/bin; do
		[[ ! -x $dir/initdb || ! -x $dir/postgres ]] || PG_BIN=$dir
	done
	AS_POSTGRES=()
	! is_root || AS_POSTGRES=("${AS_NOBODY[@]}") # root is refused
	export PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=5
}

postgres_is_usable() {
	[[ -n $PG_BIN && -e $BATS_FILE_TMPDIR/pg/data/PG_VERSION ]] &&
		command -v psql pg_isready && { ! is_root || nobody_can_run; }
}

make_postgres() {
	needs postgres postgres_is_usable
	export PGHOST=$T
	SERVES=(pg_isready -q)
	cp -a "$BATS_FILE_TMPDIR/pg/data" data
	# what a kill leaves must not be in /dev/shm; the rest makes more workers
	cat >>data/postgresql.conf <<-END
		listen_addresses = ''
		unix_socket_directories = '$T'
		dynamic_shared_memory_type = mmap
		shared_buffers = 4MB
		logging_collector = on
		log_directory = '$T'
		log_filename = 'postgres.log'
		archive_mode = on
		archive_command = 'true'
		max_connections = 10
	END
	touch postgres.log
	! is_root || chown 65534 postgres.log
	POSTGRES=("${AS_POSTGRES[@]}" "$PG_BIN/postgres" -D "$T/data")
}

sql() {
	psql -X -q -A -t -c "$1"
}

# A session that does not end by itself.
hold_session() {
	psql -X -q -A -t -c "select 'held'" -c "select pg_sleep(60)" \
		>session 2>&1 3>&- 4>&- &
	SESSION=$!
	wait_until grep -q held session
}

session_is_over() {
	local code=0
	wait "$SESSION" || code=$?
	((code != 0)) # it was cut off
}

@test "postgres with its workers: INT ends it although somebody is connected" {
	make_postgres
	start -s INT "${POSTGRES[@]}"
	wait_until serves
	# supervise; postmaster, checkpointer, writer, walwriter, autovacuum,
	# archiver, replication launcher, logger
	wait_until at_least 9
	sql "create table t as select 1 as x"
	hold_session
	stop_supervise 0
	session_is_over
	grep "database system is shut down" postgres.log

	start -s INT "${POSTGRES[@]}"
	wait_until serves
	[[ $(sql "select x from t") = 1 ]]
	run ! grep "was not properly shut down" postgres.log
	stop_supervise 0
}

@test "postgres waits at TERM for who is connected; the time to the kill is kept" {
	make_postgres
	start -k 1.5 "${POSTGRES[@]}"
	wait_until serves
	hold_session
	kill -TERM "$SUPERVISE_PID"
	wait_until grep "received smart shutdown request" postgres.log
	kill -0 "$SUPERVISE_PID"
	ended
	((status == 137))
	gone
	session_is_over
}

@test "postgres dies with a killed supervise, and its data can be used at once" {
	needs seal seals
	make_postgres
	start "${POSTGRES[@]}"
	wait_until serves
	wait_until at_least 9
	sql "create table t as select 1 as x"
	hold_session
	kill_supervise
	session_is_over

	# it refuses data that another one may still be at work on
	start "${POSTGRES[@]}"
	wait_until serves
	grep "was not properly shut down" postgres.log
	[[ $(sql "select x from t") = 1 ]]
	stop_supervise 0
}

@test "postgres on the weaker rungs: stopped, and dead with supervise" {
	local rung
	make_postgres
	for rung in --no-pidns --no-cgroup; do
		echo "# $rung"
		start $rung "${POSTGRES[@]}"
		wait_until serves
		stop_supervise 0

		seals $rung || continue
		start $rung "${POSTGRES[@]}"
		wait_until serves
		hold_session
		kill_supervise
		session_is_over
	done
}

# ---- generations ------------------------------------------------------------

# Each generation leads a session of its own and outlives the one before; of
# two brothers in each, one ignores what asks it to end.
make_generations() {
	needs setsid
	needs flock
	touch lock
	SERVES=(lock_is_held)
	cat >generation <<-'END'
		generation=$1
		exec 9>>lock
		flock -s 9
		if test "$generation" -lt 3; then
			setsid -f sh generation $((generation + 1))
			setsid -f sh generation $((generation + 1)) stubborn
		fi
		test -z "$2" || trap '' TERM HUP INT QUIT
		echo "$generation" >>up
		test "$generation" -gt 0 || exec sh -c "$LAST"
		while :; do sleep 60; done
	END
	GENERATIONS=(sh generation 0)
	export LAST='exec sleep 60'
}

all_are_up() { # the script, then 2, 4 and 8
	(($(wc -l <up) == 15))
}

lock_is_held() {
	! flock -n lock true
}

@test "three generations of daemons: asked, then killed at TERM" {
	make_generations
	start -k 0.5 "${GENERATIONS[@]}"
	wait_until all_are_up
	wait_until at_least 17
	stop_supervise 143
	no_survivors lock
}

@test "three generations of daemons end with the script that left them" {
	make_generations
	LAST='while test ! -e end; do sleep 0.05; done; exit 3'
	start -k 0.5 "${GENERATIONS[@]}"
	wait_until all_are_up
	touch end
	ended
	((status == 3))
	gone
	no_survivors lock
}

@test "three generations of daemons live on with --wait-all until TERM" {
	make_generations
	LAST='exit 3'
	start --wait-all -k 0.5 "${GENERATIONS[@]}"
	wait_until all_are_up
	run ! ended 0.3
	stop_supervise 3
	no_survivors lock
}

@test "three generations of daemons die with a killed supervise" {
	needs seal seals
	make_generations
	start "${GENERATIONS[@]}"
	wait_until all_are_up
	kill_supervise
	no_survivors lock
}

@test "three generations of daemons on the weaker rungs" {
	local rung
	make_generations
	for rung in --no-pidns --no-cgroup "--no-pidns --no-cgroup"; do
		echo "# $rung"
		rm -f up
		# shellcheck disable=SC2086 # options
		start $rung -k 0.5 "${GENERATIONS[@]}"
		wait_until all_are_up
		stop_supervise 143
		no_survivors lock

		# shellcheck disable=SC2086
		seals $rung || continue
		rm -f up
		# shellcheck disable=SC2086
		start $rung "${GENERATIONS[@]}"
		wait_until all_are_up
		kill_supervise
		no_survivors lock
	done
}
