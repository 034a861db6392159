"""What distributions ship to run programs with, at work under the default filter: threads, collectors, compilers, databases."""

import glob
import shutil

import pytest

GO = 'package main\nimport ("fmt"; "sync")\nfunc main() { var w sync.WaitGroup; n := make([]int, 8); for i := range n { w.Add(1); go func(i int) { n[i] = i; w.Done() }(i) }; w.Wait(); fmt.Println(n[7]) }\n'
JAVA = ('import java.util.stream.*; public class T { public static void main(String[] a) throws Exception { Thread t = new Thread(() -> { for (int i = 0; i < 50; i++) '
        '{ byte[] b = new byte[1 << 20]; } }); t.start(); t.join(); System.gc(); System.out.println(IntStream.range(0, 1000).parallel().sum()); } }')
NODE = ('const { Worker } = require("worker_threads"); const w = new Worker("require(\\"worker_threads\\").parentPort.postMessage(6 * 7)", { eval: true });'
        'w.on("message", (m) => console.log(m));')
# program, what it does, what it says
WORK = {
    "python3": ("python3 -c 'import concurrent.futures as f; print(sum(f.ThreadPoolExecutor(4).map(int, \"1234\")))'", "10"),
    "gcc": ("cd /tmp && echo 'int main(void){return 7;}' > a.c && gcc -O2 a.c -o a && ./a; echo $?", "7"),
    "git": ("cd /tmp && git init -q r && cd r && echo 1 > f && git add f && git -c user.name=n -c user.email=e@x commit -qm m && git log --format=%s", "m"),
    "node": (f"node -e '{NODE}'", "42"),
    "java": (f"cd /tmp && cat > T.java <<'X'\n{JAVA}\nX\njava -Xmx64m T.java", "499500"),
    "go": (f"cd /tmp && cat > t.go <<'X'\n{GO}X\nGOCACHE=/tmp/c GO111MODULE=off GOFLAGS=-p=1 go run t.go", "7"),
    "ruby": ("ruby -e 'puts 4.times.map { |i| Thread.new { i } }.sum(&:value)'", "6"),
    "perl": ("perl -e 'my $p = fork; exit 0 unless $p; waitpid $p, 0; print $? + 5, qq(\\n)'", "5"),
    "sqlite3": ("sqlite3 /tmp/d.db 'create table t(a); insert into t values (1),(2); select sum(a) from t'", "3"),
}


@pytest.mark.parametrize("program", WORK)
def test_it_works_under_the_default_filter(vfork_box, program):
    if not shutil.which(program, path="/usr/bin:/bin"):
        pytest.skip(f"{program} is not installed")
    script, said = WORK[program]
    # Debian's Java has its settings in /etc; sizes are those of what is compiled.
    paths = {"/tmp": {"access": "tmpfs", "size": "1G", "mode": "1777"}, **{path: "ro" for path in glob.glob("/etc/java-*")}}
    done = vfork_box.run(["/bin/sh", "-c", script], {"paths": paths})
    assert done.code == 0 and done.text.split() == [said], done
    assert "seccomp" in done.outcome["enforced"]
