// Programs that try to use too much, to stay, to look, or to get out. The first argument says which, the second is a
// marker by which a test finds survivors, the third is for the program.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB (1024 * 1024)

static volatile unsigned long counter;

static void spin(void) {
    for (;;) counter++;
}

static void *asleep(void *unused) {
    for (;;) pause();
    return unused;
}

static int is(const char *given, const char *name) { return strcmp(given, name) == 0; }

// Each successful attempt is printed; the tests want silence.
static void attempt(const char *what, long result) {
    if (result >= 0) printf("%s succeeded: %ld\n", what, result);
}

static void show(const char *path) {
    char text[4096];
    int file = open(path, O_RDONLY);
    ssize_t size;
    if (file < 0) {
        printf("errno %d\n", errno);
        exit(3);
    }
    while ((size = read(file, text, sizeof text)) > 0) fwrite(text, 1, size, stdout);
    close(file);
}

static void fill(const char *folder, int unlinked, long size, long most) {
    static char block[MB];
    char path[256];
    memset(block, 1, sizeof block);
    long total = 0;
    for (long number = 0; number < most; number++) {
        snprintf(path, sizeof path, "%s/file%ld", folder, number);
        int file = open(path, O_CREAT | O_WRONLY, 0600);
        if (file < 0) break;
        if (unlinked) unlink(path);
        if (size > 0) {
            ssize_t written = write(file, block, size);
            if (written <= 0) break;
            total += written;
        }
        if (!unlinked) close(file);
    }
    printf("%ld MB, errno %d\n", total / MB, errno);
    fflush(stdout);
}

static int dive(volatile char *above) {
    volatile char here[1024];
    here[0] = above ? above[0] + 1 : 0;
    return dive(here) + here[0];
}

static void escape(void) {
    attempt("unshare", unshare(CLONE_NEWUSER));
    attempt("unshare pid", unshare(CLONE_NEWPID));
    attempt("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    attempt("mount", mount("none", "/tmp", "tmpfs", 0, ""));
    attempt("remount", mount("none", "/usr", "", MS_REMOUNT | MS_BIND, ""));
    attempt("umount", umount2("/folder", MNT_DETACH));
    attempt("chroot", chroot("/tmp"));
    attempt("pivot", syscall(SYS_pivot_root, "/tmp", "/tmp"));
    attempt("setns", setns(open("/proc/1/ns/mnt", O_RDONLY), 0));
    attempt("mknod", mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)));
    attempt("mem", open("/dev/mem", O_RDWR));
    attempt("kmsg", open("/dev/kmsg", O_RDWR));
    attempt("disk", open("/dev/vda", O_RDONLY));
    attempt("fuse", open("/dev/fuse", O_RDWR));
    attempt("core pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
    attempt("sysrq", open("/proc/sysrq-trigger", O_WRONLY));
    attempt("namespaces", open("/proc/sys/user/max_user_namespaces", O_WRONLY));
    attempt("bpf", syscall(SYS_bpf, 0, 0, 0));
    attempt("io_uring", syscall(SYS_io_uring_setup, 1, 0));
    attempt("memfd", memfd_create("x", 0));
    attempt("shmget", syscall(SYS_shmget, 0, 4096, 0600 | 01000));
    attempt("keyctl", syscall(SYS_keyctl, 0, -3, 1));
    attempt("perf", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0));
    attempt("reboot", syscall(SYS_reboot, 0, 0, 0, 0));
    attempt("hostname", sethostname("x", 1));
    attempt("priority", setpriority(PRIO_PROCESS, 0, -10));
    struct sched_param real_time = {.sched_priority = 10};
    attempt("real time", sched_setscheduler(0, SCHED_FIFO, &real_time));
    struct rlimit more = {1 << 20, 1 << 20};
    attempt("more files", setrlimit(RLIMIT_NOFILE, &more));
    attempt("more CPU", setrlimit(RLIMIT_CPU, &more));
    attempt("set user", setuid(0));
    attempt("set group", setgid(0));
    char letter = 'x';
    attempt("terminal input", ioctl(0, TIOCSTI, &letter));
    attempt("terminal", open("/dev/tty", O_RDWR));
    attempt("control group", open("/sys/fs/cgroup", O_RDONLY));
}

static void connect_out(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    attempt("tcp", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof to));
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    sendto(udp, "hello", 5, 0, (void *)&to, sizeof to);  // To the private loop-back: the test listens and hears nothing.
    to.sin_port = htons(53);
    inet_pton(AF_INET, "8.8.8.8", &to.sin_addr);
    attempt("dns", sendto(udp, "hello", 5, 0, (void *)&to, sizeof to));
    attempt("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static void connect_unix(const char *path, int abstract) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + abstract, path, sizeof to.sun_path - 2);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + abstract + strlen(path);
    attempt("unix", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&to, size));
}

static void write_outside(void) {
    const char *places[] = {"/x", "/usr/x", "/usr/bin/x", "/etc/x", "/dev/x", "/proc/x", "/ho" "me/x", "/root/x",
                            "/folder/../x", "/var/x", "/run/x", "/bin/x", "/lib/x"};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
        attempt(places[i], open(places[i], O_CREAT | O_WRONLY, 0600));
    attempt("chmod", chmod("/usr/bin/env", 0777));
    attempt("bash", open("/usr/bin/env", O_WRONLY));
}

int main(int count, char **words) {
    const char *what = words[1], *more = count > 3 ? words[3] : "";
    setvbuf(stdout, NULL, _IONBF, 0);
    if (is(what, "fork bomb")) for (;;) fork();
    if (is(what, "sleeping bomb")) for (;;) if (fork() == 0) asleep(NULL);
    if (is(what, "hydra")) {
        if (fork() != 0) asleep(NULL);
        for (;;) if (fork() != 0) _exit(0);
    }
    if (is(what, "threads")) {
        pthread_attr_t small;
        pthread_t thread;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 65536);
        // Where nothing but a look at it limits them, a number of them leaves the neighbours their share.
        int most = *more ? atoi(more) : INT_MAX;
        for (int i = 0; i < most; i++) pthread_create(&thread, &small, asleep, NULL);
        asleep(NULL);
    }
    if (is(what, "zombies")) for (;;) if (fork() == 0) _exit(0);
    if (is(what, "daemon")) {
        if (fork() == 0) {
            setsid();
            if (fork() == 0) {
                for (int i = 0; i < 64; i++) close(i);
                for (int i = 1; i < 65; i++) signal(i, SIG_IGN);
                asleep(NULL);
            }
            _exit(0);
        }
        wait(NULL);
        return 0;
    }
    if (is(what, "allocate")) {
        char *all = mmap(NULL, 10240L * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        for (long i = 0; i < 10240L * MB; i += 4096) all[i] = 1;
    }
    if (is(what, "leak")) for (;; usleep(1000)) memset(malloc(MB), 1, MB);
    if (is(what, "leak together")) {
        for (int i = 0; i < 7; i++) if (fork() == 0) break;
        for (int i = 0; i < 40; i++) memset(malloc(MB), 1, MB);
        asleep(NULL);
    }
    if (is(what, "map")) {
        void *all = mmap(NULL, 10240L * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        printf("%s\n", all == MAP_FAILED ? "refused" : "mapped");
    }
    if (is(what, "stdout") || is(what, "stderr")) for (;;) write(is(what, "stdout") ? 1 : 2, "0123456789abcdef", 16);
    if (is(what, "loop")) spin();
    if (is(what, "family")) {
        fork();
        fork();
        spin();
    }
    if (is(what, "unseen children")) {
        signal(SIGCHLD, SIG_IGN);
        for (;;) {
            if (fork() == 0) {
                for (int i = 0; i < 1000000; i++) counter++;
                _exit(0);
            }
            usleep(1000);
        }
    }
    if (is(what, "sleep")) asleep(NULL);
    if (is(what, "stop")) raise(SIGSTOP);
    if (is(what, "deaf")) {
        for (int i = 1; i < 65; i++) signal(i, SIG_IGN);
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        spin();
    }
    if (is(what, "silent")) {
        for (int i = 0; i < 64; i++) close(i);
        asleep(NULL);
    }
    if (is(what, "show")) show(more);
    if (is(what, "fill")) fill(more, 0, MB, 100000);
    if (is(what, "fill unseen")) {
        fill(more, 1, MB, 30);
        asleep(NULL);
    }
    if (is(what, "many files")) fill(more, 0, 0, 10000000);
    if (is(what, "sparse")) {
        int file = open("/tmp/sparse", O_CREAT | O_RDWR, 0600);
        attempt("sparse", ftruncate(file, 10240L * MB));
    }
    if (is(what, "connect")) connect_out(atoi(more));
    if (is(what, "unix")) connect_unix(more, 0);
    if (is(what, "abstract")) connect_unix(more, 1);
    if (is(what, "outside")) write_outside();
    if (is(what, "escape")) escape();
    if (is(what, "kill")) {
        for (int i = 1; i < 65; i++) kill(-1, i);
        for (int i = 1; i < 65; i++) kill(1, i);
        for (int i = 1; i < 65; i++) if (getppid() != 1) kill(getppid(), i);
        int mine = atoi(more);
        attempt("ptrace", ptrace(PTRACE_ATTACH, mine, 0, 0));
        attempt("kill", kill(mine, SIGKILL));
        puts("done");
    }
    if (is(what, "group")) {
        kill(0, SIGKILL);
        pause();
    }
    if (is(what, "dive")) return dive(NULL);
    if (is(what, "read")) {
        char text[65536];
        long total = 0, size;
        while ((size = read(0, text, sizeof text)) > 0) total += size;
        printf("%ld\n", total);
    }
    if (is(what, "echo")) {
        char text[65536];
        ssize_t size;
        while ((size = read(0, text, sizeof text)) > 0) write(1, text, size);
    }
    if (is(what, "huge arguments")) {
        char *word = malloc(4 * MB);
        memset(word, 'x', 4 * MB - 1);
        word[4 * MB - 1] = 0;
        char *again[] = {words[0], word, NULL};
        execv("/proc/self/exe", again);
        printf("errno %d\n", errno);
    }
    if (is(what, "files")) {
        for (int i = 0; i < 4096; i++) if (fcntl(i, F_GETFD) >= 0) printf("%d ", i);
    }
    if (is(what, "limits")) {
        struct rlimit limit;
        getrlimit(RLIMIT_CORE, &limit);
        printf("core %ld ", (long)limit.rlim_max);
        getrlimit(RLIMIT_NOFILE, &limit);
        printf("files %ld", (long)limit.rlim_max);
    }
    if (is(what, "exit")) exit(atoi(more));
    if (is(what, "raise")) raise(atoi(more));
    return 0;
}
