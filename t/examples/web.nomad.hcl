job "web" {
  group "web" {
    task "server" {
      driver = "docker"

      config {
        image      = "example/web:1"
        entrypoint = ["/supervise", "-k", "25s", "--"]
        args       = ["/server"]
      }

      # longer than -k
      kill_timeout = "30s"
    }

    # without an image: what the task has started ends with it, too. Its stop
    # is an INT by default, with 5 s for it
    task "batch" {
      driver = "raw_exec"

      config {
        command = "/usr/bin/supervise"
        args    = ["--map", "INT=TERM", "-k", "4s", "--", "/usr/bin/batch"]
      }
    }
  }
}
