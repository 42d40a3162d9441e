/* What the kernel asks, in C: the same requests as raw.py, which see.
 *
 * Usage: raw OWNER LOWERDIRS [FOLDER...]
 * Reads "KIND N" lines, answers each with N times in nanoseconds on one line. KIND is
 *   bash     start bash, to its first output
 *   sandbox  bash in new namespaces on a fresh overlay, to its first output
 *   step     a built-in in a bash that reads lines from a pipe, to the sentinel
 *   fork     /bin/true in that bash
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HIDDEN "/run" /* as the warden does: no image is kept there */
#define WORLD HIDDEN "/world"
#define CHECK(call) do { if ((call) < 0) { perror(#call); _exit(1); } } while (0)

static const char LOOP[] = "while IFS= read -r line; do eval \"$line\"; echo '<>'; done";
static char *const ENV[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/root", "TERM=dumb", NULL};
static char *const HI[] = {"bash", "--norc", "--noprofile", "-c", "echo hi", NULL};
static char *const STEPS[] = {"bash", "--norc", "--noprofile", "-c", (char *)LOOP, NULL};
static char map[64], lowers[4096], *images, **bound;
static int owner, worlds, to_steps = -1, from_steps = -1;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    CHECK(fd);
    CHECK(write(fd, text, strlen(text)));
    close(fd);
}

/* A tmpfs that nobody else sees and that goes when we do. */
static void settle(void) {
    int uid = getuid(), gid = getgid();
    if (uid) {
        char text[64];
        CHECK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
        put("/proc/self/setgroups", "deny");
        sprintf(text, "0 %d 1", uid);
        put("/proc/self/uid_map", text);
        sprintf(text, "0 %d 1", gid);
        put("/proc/self/gid_map", text);
    } else {
        CHECK(unshare(CLONE_NEWNS));
    }
    CHECK(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    CHECK(mount("none", HIDDEN, "tmpfs", 0, "mode=755"));
    CHECK(mkdir(WORLD, 0755));
    CHECK(mkdir(WORLD "/root", 0755));
    /* Where an image is kept, a jail's root may not be able to walk. */
    int number = 0;
    for (char *folder = strtok(images, ":"); folder; folder = strtok(0, ":")) {
        char place[64];
        snprintf(place, sizeof place, WORLD "/l%d", number);
        CHECK(mkdir(place, 0755));
        CHECK(mount(folder, place, 0, MS_BIND, 0));
        strcat(strcat(lowers, number++ ? ":" : ""), place);
    }
    sprintf(map, uid ? "0 0 1" : "0 %d 65536", owner);
}

static int run_bash(void) {
    execve("/bin/bash", HI, ENV);
    return 1;
}

static int run_sandbox(int go, const char *options) {
    char byte, path[4096];
    CHECK(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    CHECK(read(go, &byte, 1)); /* our ids are mapped */
    CHECK(setresgid(0, 0, 0));
    CHECK(setresuid(0, 0, 0));
    CHECK(mount("none", WORLD "/root", "overlay", 0, options));
    CHECK(mount("none", WORLD "/root/proc", "proc", 0, 0));
    for (char **folder = bound; *folder; folder++) {
        snprintf(path, sizeof path, WORLD "/root%s", *folder);
        CHECK(mount(*folder, path, 0, MS_BIND | MS_REC, 0));
    }
    CHECK(chroot(WORLD "/root"));
    CHECK(chdir("/"));
    return run_bash();
}

static long long start(int sandbox) {
    char options[8192], path[64], byte;
    int out[2], go[2], number = worlds++;
    struct clone_args how = {.exit_signal = SIGCHLD};
    if (sandbox) {
        /* The folders are there beforehand, as a pool of them could be. */
        char upper[64], work[64];
        snprintf(upper, sizeof upper, WORLD "/u%d", number);
        snprintf(work, sizeof work, WORLD "/w%d", number);
        CHECK(mkdir(upper, 0755));
        CHECK(mkdir(work, 0755));
        if (!getuid() && owner) {
            (void)!chown(upper, owner, owner);
            (void)!chown(work, owner, owner);
        }
        snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", lowers,
                 upper, work);
        how.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                    CLONE_NEWNET | CLONE_NEWCGROUP;
    }
    CHECK(pipe2(out, O_CLOEXEC));
    CHECK(pipe2(go, O_CLOEXEC));
    long long began = now();
    int pid = syscall(SYS_clone3, &how, sizeof how);
    CHECK(pid);
    if (!pid) {
        dup2(out[1], 1);
        _exit(sandbox ? run_sandbox(go[0], options) : run_bash());
    }
    if (sandbox) {
        snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
        put(path, map);
        snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
        put(path, map); /* CAP_SETGID in the parent's namespace: no need to deny setgroups */
        CHECK(write(go[1], "x", 1));
    }
    close(out[1]);
    int got = read(out[0], &byte, 1);
    long long took = now() - began;
    close(out[0]);
    close(go[0]);
    close(go[1]);
    waitpid(pid, 0, 0);
    if (got != 1) {
        fprintf(stderr, "it wrote nothing\n");
        _exit(1);
    }
    return took;
}

static long long step(const char *code) {
    static char buffer[4096];
    size_t size = strlen(code), held = 0;
    if (to_steps < 0) {
        int in[2], out[2];
        CHECK(pipe2(in, O_CLOEXEC));
        CHECK(pipe2(out, O_CLOEXEC));
        int pid = fork();
        CHECK(pid);
        if (!pid) {
            dup2(in[0], 0);
            dup2(out[1], 1);
            execve("/bin/bash", STEPS, ENV);
            _exit(1);
        }
        close(in[0]);
        close(out[1]);
        to_steps = in[1];
        from_steps = out[0];
    }
    long long began = now();
    CHECK(write(to_steps, code, size));
    while (held < 3 || memcmp(buffer + held - 3, "<>\n", 3)) {
        ssize_t got = read(from_steps, buffer + held, sizeof buffer - held);
        if (got <= 0) _exit(1);
        held += got;
    }
    return now() - began;
}

int main(int count, char **words) {
    char kind[32];
    int n;
    if (count < 3) return 2;
    owner = atoi(words[1]);
    images = words[2];
    bound = words + 3;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    settle();
    while (scanf("%31s %d", kind, &n) == 2) {
        for (int i = 0; i < n; i++) {
            long long took = !strcmp(kind, "bash")      ? start(0)
                             : !strcmp(kind, "sandbox") ? start(1)
                             : !strcmp(kind, "step")    ? step("echo hi\n")
                                                        : step("/bin/true\n");
            printf("%lld ", took);
        }
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
