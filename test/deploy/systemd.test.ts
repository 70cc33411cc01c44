/** The units of deploy/systemd under a real systemd, in a container of this machine's own system. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const SYSTEM = join(ROOT, "deploy/systemd/system");
/** Of 10, less is better. Without MemoryDenyWriteExecute and with the network: what a Node server can have. */
const MOST_EXPOSURE = "2.0";

const hasAnalyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
const canBoot =
  process.platform === "linux" &&
  spawnSync("systemd-nspawn", ["--version"]).status === 0 &&
  spawnSync("unshare", ["--mount", "true"]).status === 0;

describe.skipIf(!hasAnalyze)("the units, unstarted", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(inject("scratch"), "units-"));
    cpSync(SYSTEM, join(folder, "etc/systemd/system"), { recursive: true });
    for (const bin of ["usr/bin", "bin"]) mkdirSync(join(folder, bin), { recursive: true });
    for (const program of ["usr/bin/bristlecone", "bin/sh"])
      writeFileSync(join(folder, program), "", { mode: 0o755 });
  });

  const SERVICES = [
    "bristlecone-log@2026",
    "bristlecone-witness",
    "bristlecone-backup@2026",
    "bristlecone-export@2026",
    "bristlecone-fsck@2026",
    "bristlecone-drill@2026",
  ];

  it.each(SERVICES)("%s has no line that systemd does not know", (unit) => {
    const { stderr } = spawnSync("systemd-analyze", ["verify", `--root=${folder}`, `${unit}.service`], {
      encoding: "utf8",
    });
    // Of this throw-away root the units of the system itself are missing, and that is told.
    expect(
      stderr.split("\n").filter((line) => line.includes("bristlecone") && !line.includes("not found")),
    ).toEqual([]);
  });

  it.each(SERVICES)("%s is exposed no more than a Node server has to be", (unit) => {
    const args = [
      "security",
      "--offline=true",
      `--root=${folder}`,
      "--threshold=20",
      "--no-pager",
      `${unit}.service`,
    ];
    const { status, stdout } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
    expect(stdout.trim().split("\n").at(-1), `at most ${MOST_EXPOSURE}`).toMatch(/OK|SAFE/);
    expect(status).toBe(0);
  });
});

/** What an operator does and expects, in this order: deploy/README.md. Each is a bash script that ends well or not. */
const STEPS: readonly (readonly [name: string, script: string])[] = [
  [
    "users and directories are made by systemd's own tools",
    `install -D -m 644 -t /etc/systemd/system $deploy/system/*.service $deploy/system/*.timer
    install -D -m 644 -t /etc/systemd/system/bristlecone-.service.d $deploy/system/bristlecone-.service.d/*
    install -D -m 644 -t /etc/sysusers.d $deploy/sysusers.d/*; install -D -m 644 -t /etc/tmpfiles.d $deploy/tmpfiles.d/*
    systemd-sysusers && systemd-tmpfiles --create bristlecone.conf && systemctl daemon-reload
    [ "$(stat -c %U:%G:%a /etc/bristlecone/tokens.txt)" = root:bristlecone:640 ]`,
  ],
  [
    "a log without its key does not start",
    `! systemctl start bristlecone-log@2026; systemctl stop bristlecone-log@2026; [ -z "$(ls /var/lib/bristlecone/2026)" ]`,
  ],
  [
    "a log starts, with a key that only root can read",
    `bristlecone keygen --origin log.example.com/2026 --out /etc/bristlecone/2026.key
    [ "$(stat -c %U:%a /etc/bristlecone/2026.key)" = root:600 ]
    bristlecone token new --name test --tokens /etc/bristlecone/tokens.txt | sed -n '1s/^token *//p' > /root/token
    echo BRISTLECONE_READERS=1 > /etc/bristlecone/2026.env
    systemctl start bristlecone-log@2026; until_ready`,
  ],
  [
    "it runs as a user of its own, without capabilities, new privileges, and most system calls",
    `status=/proc/$(systemctl show -p MainPID --value bristlecone-log@2026)/status
    grep -q "^Uid:.$(id -u bristlecone)" $status; grep -q '^CapBnd:.0*$' $status; grep -q '^NoNewPrivs:.1' $status; grep -q '^Seccomp:.2' $status`,
  ],
  [
    "it can write to its own directories and to nothing else",
    `enter="nsenter -m -t $(systemctl show -p MainPID --value bristlecone-log@2026)"
    $enter touch /var/lib/bristlecone/2026/.probe; rm /var/lib/bristlecone/2026/.probe
    for path in /etc /usr /opt/bristlecone /var/lib /var/lib/bristlecone-witness /root; do ! $enter touch $path/probe; done`,
  ],
  [
    "writers with a token get receipts, others nothing",
    `vkey=$(curl -s 127.0.0.1:6962/log.json | node -p 'JSON.parse(fs.readFileSync(0)).vkeys[0]'); echo $vkey > /root/vkey
    ! echo no | bristlecone add --lines - --vkey $vkey
    printf 'one\\ntwo\\n' | bristlecone add --lines - --vkey $vkey --receipts /root/receipts --token-file /root/token; [ -f /root/receipts/1.tlog-proof ]`,
  ],
  [
    "receivers are told, and how far stands with the data",
    `cd /etc/bristlecone; (umask 077; printf 'whsec_%s\\n' "$(head -c 32 /dev/urandom | base64)" > ci.secret; chown bristlecone ci.secret)
    echo '{"webhooks":[{"name":"ci","url":"http://127.0.0.1:7000/","secretFile":"ci.secret","events":"entries","network":"private","from":0}]}' > webhooks.json
    node -e 'http.createServer((asked, answer) => asked.resume().on("end", () => answer.writeHead(204).end())).listen(7000, "127.0.0.1")' & receiver=$!
    echo BRISTLECONE_WEBHOOKS=/etc/bristlecone/webhooks.json >> 2026.env; systemctl restart bristlecone-log@2026; until_ready
    timeout 20 bash -c 'until grep -q :2 /var/lib/bristlecone/2026/webhooks.state; do sleep 0.1; done'; kill $receiver`,
  ],
  [
    "backup: a verified copy, and old ones go only when a new one is there and only if a backup made them",
    `systemctl start bristlecone-backup@2026
    backups=/var/backups/bristlecone/2026; made=$(ls $backups); [ -f $backups/$made/backup.json ]
    mkdir $backups/old $backups/else; touch -d '20 days ago' $backups/old/backup.json $backups/else/file; chown -R bristlecone: $backups
    mv $backups/$made $backups/first; systemctl start bristlecone-backup@2026; [ ! -e $backups/old ] && [ -e $backups/else/file ] && [ -e $backups/first ] && ls -d $backups/20*`,
  ],
  [
    "export: files that a web server of another user can read",
    `systemctl start bristlecone-export@2026; setpriv --reuid 65534 --clear-groups cat /srv/www/2026/checkpoint /srv/www/2026/tile/entries/000.p/2 | grep -q log.example.com/2026`,
  ],
  [
    "fsck: the running log is checked",
    `echo "BRISTLECONE_VKEY=$(cat /root/vkey)" > /etc/bristlecone/2026.fsck.env; systemctl start bristlecone-fsck@2026`,
  ],
  [
    "drill: all goes as it must on copies, without network, key and guard, and the report is there",
    `systemctl start bristlecone-drill@2026; grep -q '6 of 6 passed' /var/lib/bristlecone-drill/2026-*.md; [ "$(ls /var/lib/bristlecone-drill | wc -l)" = 1 ]`,
  ],
  [
    "backup and export together bring it back elsewhere",
    `made=$(ls -d /var/backups/bristlecone/2026/20*); drill="--data /root/drill/data --guard /root/drill/log.guard"
    bristlecone restore $made $drill --verify || [ $? = 3 ]
    bristlecone import /srv/www/2026 $drill --vkey "$(cat /root/vkey)"; bristlecone fsck /root/drill/data --vkey "$(cat /root/vkey)"`,
  ],
  [
    "timers have a next time",
    `for unit in backup export fsck drill; do systemctl start bristlecone-$unit@2026.timer; systemctl list-timers --no-pager | grep -q bristlecone-$unit@2026; done`,
  ],
  [
    "a monitor follows the log as a user of its own, and finds once what it looked for",
    `printf '{"match":[{"substring":"two"}],"logs":[{"url":"http://127.0.0.1:6962/","vkey":"%s"}]}' "$(cat /root/vkey)" > /etc/bristlecone/monitor.json
    systemctl start bristlecone-monitor; timeout 20 bash -c 'until curl -s 127.0.0.1:6966/status.json | grep -q readSize.:2; do sleep 0.1; done'
    timeout 10 bash -c 'until journalctl -u bristlecone-monitor | grep -q "entry 1 matches"; do sleep 0.1; done'
    systemctl stop bristlecone-monitor; [ "$(systemctl show -p Result --value bristlecone-monitor)" = success ]
    systemctl start bristlecone-monitor-once; ! journalctl -u bristlecone-monitor-once | grep -q "entry 1 matches"
    systemctl start bristlecone-monitor-once.timer; systemctl list-timers --no-pager | grep -q bristlecone-monitor-once; systemctl stop bristlecone-monitor-once.timer
    ! runuser -u bristlecone -- ls /var/lib/bristlecone-monitor`,
  ],
  [
    "one look tells by its exit code: a match is no failure, a log that is silent is",
    `rm -r /var/lib/bristlecone-monitor/*; systemctl start bristlecone-monitor-once; journalctl -u bristlecone-monitor-once | grep -q "entry 1 matches"
    sed -i s/6962/6999/ /etc/bristlecone/monitor.json; ! systemctl start bristlecone-monitor-once; [ "$(systemctl show -p ExecMainStatus --value bristlecone-monitor-once)" = 4 ]`,
  ],
  [
    "a process that is killed is started again, with all it had",
    `before=$(systemctl show -p MainPID --value bristlecone-log@2026); kill -9 $before
    timeout 20 bash -c 'until [ "$(systemctl show -p NRestarts --value bristlecone-log@2026)" = 1 ]; do sleep 0.1; done'; until_ready
    [ "$before" != "$(systemctl show -p MainPID --value bristlecone-log@2026)" ]; curl -s 127.0.0.1:6963/readyz | grep -q '"publishedSize":2'`,
  ],
  [
    "it stops cleanly, readers too",
    `systemctl stop bristlecone-log@2026; [ "$(systemctl show -p Result --value bristlecone-log@2026)" = success ]; ! pgrep -u bristlecone`,
  ],
  [
    "what a person has to decide is not tried again and again",
    `mv /var/lib/bristlecone-guard/2026/log.guard /root/; systemctl start bristlecone-log@2026 || true
    timeout 10 bash -c 'until systemctl is-failed bristlecone-log@2026; do sleep 0.1; done'
    journalctl -u bristlecone-log@2026 | grep -q GUARD_MISSING
    mv /root/log.guard /var/lib/bristlecone-guard/2026/; systemctl start bristlecone-log@2026; until_ready`,
  ],
  [
    "a witness runs as another user, and is told of logs by its commands",
    `echo BRISTLECONE_NAME=witness.example.com/w1 > /etc/bristlecone/witness.env
    systemctl start bristlecone-witness; timeout 10 bash -c 'until curl -sf 127.0.0.1:6965/readyz; do sleep 0.1; done'
    runuser -u bristlecone-witness -- bristlecone witness add-log "$(cat /root/vkey)" --url http://127.0.0.1:6962/ --data /var/lib/bristlecone-witness
    runuser -u bristlecone-witness -- bristlecone witness logs --data /var/lib/bristlecone-witness | grep -q log.example.com/2026
    ! runuser -u bristlecone-witness -- ls /var/lib/bristlecone/2026; systemctl stop bristlecone-witness`,
  ],
];

const PRELUDE = `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root/fresh deploy=/opt/bristlecone/deploy/systemd
ip link set lo up; mkdir -p $HOME; cd $HOME
until_ready() { timeout 20 bash -c 'until curl -sf 127.0.0.1:6963/readyz; do sleep 0.1; done'; }
export -f until_ready
`;

describe.skipIf(!canBoot)("a machine with the units", () => {
  let stage = "";
  beforeAll(() => {
    stage = mkdtempSync(join(inject("scratch"), "stage-"));
    const steps = STEPS.map(([, script], step) => {
      writeFileSync(join(stage, `${step}.sh`), script);
      return `bash -exo pipefail /stage/${step}.sh > /stage/${step}.out 2>&1; code=$?; echo $code > /stage/${step}.code; [ $code = 0 ] || journalctl --no-pager -n 40 -u 'bristlecone-*' >> /stage/${step}.out`;
    });
    writeFileSync(join(stage, "guest.sh"), [PRELUDE, ...steps].join("\n"));
    const command = [
      "--mount",
      "bash",
      join(import.meta.dirname, "container.sh"),
      ROOT,
      inject("programs"),
      stage,
    ];
    const { stderr } = spawnSync("unshare", command, {
      encoding: "utf8",
      timeout: 180_000,
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (!existsSync(join(stage, "0.code"))) throw new Error(`systemd did not start: ${stderr}`);
  }, 200_000);

  it.each(STEPS.map(([name], step) => ({ name, step })))("$name", ({ step }) => {
    const read = (name: string) => readFileSync(join(stage, `${step}.${name}`), "utf8");
    expect(read("code").trim(), read("out")).toBe("0");
  });
});
