#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The files of t/examples that README speaks of: their syntax, where there is
# a checker, and that the words in there are ours.

load helper

setup() {
	begin_test
	EXAMPLES=$TOP/t/examples
}

# The words of each list that begins with a supervise, a line for each, with
# blanks between them; all are lists of strings as JSON has them.
command_lines() {
	grep -ho '\["[^]]*supervise"[^]]*\]' "$EXAMPLES"/* | words
	sed -n 's/^ *args *= *\(\[".*"--", .*\]\)$/\1/p' "$EXAMPLES"/*.hcl |
		sed 's/^\[/["supervise", /' | words
}

words() {
	sed 's/^\["//; s/"\]$//; s/", "/ /g'
}

@test "every command line is one that we accept" {
	shopt -s extglob
	local line word known=0
	while read -r line; do
		read -ra word <<<"$line"
		# these come with the control directory
		if [[ " $line " = *' --wait '* || " $line " = *' -d '* ]]; then
			"$SUPERVISE" --help | grep -q -e '--dir' || continue
		fi
		[[ " $line " != *' --wait '* ]] || {
			[[ ${word[*]} = *'/supervise --wait ready -t 0 /run/'* ]]
			continue
		}
		line=" ${line#* }"
		line=${line%% -- *}
		line=${line/ -d \/run\/+([a-z])/ -d $T}
		read -ra word <<<"${line% --}"
		run -0 "$SUPERVISE" "${word[@]}" -- sh -c 'echo >&3' 3>&1
		known=$((known + 1))
	done < <(command_lines)
	((known >= 5))
}

@test "YAML: python reads it, and the pod leaves -k its time" {
	needs python3
	needs yaml python3 -c 'import yaml'
	python3 - "$EXAMPLES" <<-'END'
		import sys, yaml
		pod = yaml.safe_load(open(sys.argv[1] + "/pod.yaml"))
		assert pod["kind"] == "Pod", pod
		spec = pod["spec"]
		web = spec["containers"][0]
		k = web["command"][web["command"].index("-k") + 1]
		assert int(k[:-1]) < spec["terminationGracePeriodSeconds"], k
		probe = web["readinessProbe"]["exec"]["command"]
		where = web["command"][web["command"].index("-d") + 1]
		assert probe[-1] == where == web["volumeMounts"][0]["mountPath"]
		file = yaml.safe_load(open(sys.argv[1] + "/compose.yaml"))
		for name, service in file["services"].items():
		    words = service["entrypoint"]
		    k = words[words.index("-k") + 1]
		    # Docker's own is 10 s
		    grace = service.get("stop_grace_period", "10s")
		    assert int(k[:-1]) < int(grace[:-1]), (name, k)
		web = file["services"]["web"]
		assert web["healthcheck"]["test"][0] == "CMD"
	END
}

@test "Dockerfiles: instructions that exist, lists in JSON, stages that are" {
	needs python3
	python3 - "$EXAMPLES"/Dockerfile.* <<-'END'
		import json, re, sys
		for name in sys.argv[1:]:
		    stages, last = [], None
		    text = open(name).read().replace("\\\n", " ")
		    for line in text.split("\n"):
		        if not line or line.startswith("#"):
		            continue
		        last, rest = line.split(None, 1)
		        assert last in ("FROM", "RUN", "COPY", "USER",
		            "ENTRYPOINT", "HEALTHCHECK", "CMD"), (name, line)
		        if last == "FROM":
		            m = re.fullmatch(r"\S+( AS (\w+))?", rest)
		            stages.append(m.group(2))
		        elif last in ("ENTRYPOINT", "CMD"):
		            assert all(type(x) is str
		                for x in json.loads(rest)), (name, line)
		        m = re.match(r"--from=(\w+) ", rest)
		        assert not m or m.group(1) in stages, (name, line)
		    assert last == "CMD" and len(stages) == 2, name
	END
}

@test "HCL: the brackets are in pairs, and the strings closed" {
	local line
	while read -r line; do
		line=${line//[^\"]/}
		((${#line} % 2 == 0))
	done <"$EXAMPLES/web.nomad.hcl"
	[[ $(tr -dc '{[' <"$EXAMPLES/web.nomad.hcl" | wc -c) = \
		"$(tr -dc '}]' <"$EXAMPLES/web.nomad.hcl" | wc -c)" ]]
}

@test "README quotes them as they are, and no line of it is too long" {
	local file line n=0
	run -0 awk 'length > 80' "$TOP/README"
	[[ -z $output ]]
	while read -r line; do
		grep -hqxF "$line" <(sed 's/^ *//' "$EXAMPLES"/*) || {
			echo "in README only: $line"
			return 1
		}
		n=$((n + 1))
	done < <(sed -n '/^USE IT IN CONTAINERS/,/^WHAT HOLDS/s/^    //p' \
		"$TOP/README" | sed 's/^ *//' | grep .)
	((n > 10))
	for file in "$EXAMPLES"/*; do
		grep -q "${file##*/}" "$TOP/README"
	done
}
