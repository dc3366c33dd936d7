/**
 * System calls by what they are for, as groups of the default seccomp profile. Names are libseccomp's; one that an
 * architecture (or an older libseccomp) doesn't know is passed over by runc. Suffixes: `32` are the 16-to-32-bit
 * id calls of i386 and ARM, `64` their large-file calls, `_time64` their calls past 2038.
 */

const files = `
  access faccessat faccessat2 chdir fchdir getcwd umask
  open openat openat2 creat close close_range name_to_handle_at
  read readv pread64 preadv preadv2 readahead write writev pwrite64 pwritev pwritev2
  lseek _llseek truncate truncate64 ftruncate ftruncate64 fallocate copy_file_range
  sendfile sendfile64 splice tee vmsplice fadvise64 fadvise64_64 cachestat
  fsync fdatasync sync syncfs sync_file_range
  stat stat64 fstat fstat64 lstat lstat64 fstatat64 newfstatat statx
  statfs statfs64 fstatfs fstatfs64 statmount listmount
  chmod fchmod fchmodat fchmodat2
  chown chown32 fchown fchown32 lchown lchown32 fchownat
  link linkat symlink symlinkat readlink readlinkat unlink unlinkat rename renameat renameat2
  mkdir mkdirat rmdir mknod mknodat getdents getdents64
  utime utimes futimesat utimensat utimensat_time64
  getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat
  listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat
  dup dup2 dup3 fcntl fcntl64 flock ioctl pipe pipe2
  inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark`;

const polling = `
  select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
  eventfd eventfd2 signalfd signalfd4
  timerfd_create timerfd_settime timerfd_settime64 timerfd_gettime timerfd_gettime64
  io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64`;

const processes = `
  fork vfork execve execveat exit exit_group wait4 waitid waitpid
  getpid getppid gettid getpgid setpgid getpgrp getsid setsid
  pidfd_open pidfd_send_signal process_mrelease
  prctl seccomp getcpu uname sysinfo times getrusage membarrier rseq restart_syscall
  getpriority setpriority ioprio_get ioprio_set getrlimit setrlimit ugetrlimit prlimit64
  sched_yield sched_getscheduler sched_setscheduler sched_getparam sched_setparam sched_getattr sched_setattr
  sched_getaffinity sched_setaffinity sched_get_priority_min sched_get_priority_max
  sched_rr_get_interval sched_rr_get_interval_time64
  set_tid_address get_thread_area set_thread_area get_robust_list set_robust_list
  futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue
  landlock_create_ruleset landlock_add_rule landlock_restrict_self
  lsm_get_self_attr lsm_set_self_attr lsm_list_modules uretprobe`;

const identity = `
  getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32
  getresuid getresuid32 getresgid getresgid32 getgroups getgroups32
  setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32
  setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32
  setgroups setgroups32 capget capset`;

const memory = `
  brk mmap mmap2 munmap mremap mprotect madvise mincore msync remap_file_pages
  mlock mlock2 mlockall munlock munlockall memfd_create memfd_secret mseal map_shadow_stack
  pkey_alloc pkey_free pkey_mprotect`;

const signals = `
  kill tkill tgkill pause sigaltstack sigprocmask sigreturn
  rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_tgsigqueueinfo
  rt_sigtimedwait rt_sigtimedwait_time64`;

// Setting the clock through adjtimex needs CAP_SYS_TIME, which the kernel itself asks for; reading does not.
const time = `
  time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64
  clock_nanosleep clock_nanosleep_time64 nanosleep alarm getitimer setitimer
  adjtimex clock_adjtime clock_adjtime64
  timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
  getrandom`;

// socket() itself is allowed by address family. i386's socketcall hides its arguments behind a pointer, where no
// filter can look: it is allowed, so the families are kept from 64-bit programs only.
const sockets = `
  socketcall socketpair bind listen accept accept4 connect shutdown
  getsockname getpeername getsockopt setsockopt
  send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`;

const interprocess = `
  ipc msgget msgctl msgsnd msgrcv semget semctl semop semtimedop semtimedop_time64 shmget shmctl shmat shmdt
  mq_open mq_unlink mq_notify mq_getsetattr
  mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64`;

/** Allowed whatever the container may do. */
export const commonSyscalls: readonly string[] = names(
  [files, polling, processes, identity, memory, signals, time, sockets, interprocess].join(' '),
);

/** Allowed from kernel 4.8 on, where seccomp is checked after a tracer had its say and no longer sidestepped. */
export const tracingSyscalls: readonly string[] = names('ptrace process_vm_readv process_vm_writev');

/** Allowed to a container that has the capability in its bounding set. */
export const syscallsByCapability: Readonly<Record<string, readonly string[]>> = {
  CAP_DAC_READ_SEARCH: names('open_by_handle_at'),
  CAP_SYS_ADMIN: names(`
    clone clone3 unshare setns sethostname setdomainname
    mount umount umount2 fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr
    quotactl quotactl_fd fanotify_init lookup_dcookie bpf perf_event_open syslog`),
  CAP_SYS_BOOT: names('reboot'),
  CAP_SYS_CHROOT: names('chroot'),
  CAP_SYS_MODULE: names('init_module finit_module delete_module'),
  CAP_SYS_PACCT: names('acct'),
  CAP_SYS_PTRACE: names('kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace'),
  CAP_SYS_RAWIO: names('iopl ioperm'),
  CAP_SYS_TIME: names('settimeofday stime clock_settime clock_settime64'),
  CAP_SYS_TTY_CONFIG: names('vhangup'),
  CAP_SYS_NICE: names('get_mempolicy set_mempolicy mbind set_mempolicy_home_node'),
  CAP_SYSLOG: names('syslog'),
  CAP_BPF: names('bpf'),
  CAP_PERFMON: names('perf_event_open'),
};

/** What an architecture is called here (`uname -m`) and to libseccomp, its ABIs and the calls of its own. */
export interface SeccompArchitecture {
  readonly machine: string;
  /** As Docker's profiles and Go call it. */
  readonly goName: string;
  readonly scmpNames: readonly string[];
  readonly ownSyscalls: readonly string[];
}

/** The architectures podwright runs on; the native ABI first, then those that its kernels run beside it. */
export const seccompArchitectures: readonly SeccompArchitecture[] = [
  {
    machine: 'x86_64',
    goName: 'amd64',
    scmpNames: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    ownSyscalls: names('arch_prctl modify_ldt'),
  },
  {
    machine: 'aarch64',
    goName: 'arm64',
    scmpNames: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
    ownSyscalls: names('arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls'),
  },
  {
    machine: 'riscv64',
    goName: 'riscv64',
    scmpNames: ['SCMP_ARCH_RISCV64'],
    ownSyscalls: names('riscv_flush_icache riscv_hwprobe'),
  },
];

function names(text: string): string[] {
  return text.trim().split(/\s+/u);
}
