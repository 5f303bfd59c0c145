"""The system calls that an executor gives up, by name and number; why, group by group.

Landlock covers what a file holds, not whose it is, when it was changed or what is written beside
it; and nothing of it covers other processes' priorities or memory that processes share by number.
"""

from typing import Final, NamedTuple


class Numbers(NamedTuple):
    """One system call's number on each machine; None where it does not exist."""

    x86_64: int | None
    aarch64: int | None


_PROGRAMS: Final = {
    "execve": Numbers(59, 221),
    "execveat": Numbers(322, 281),
    "fork": Numbers(57, None),
    "vfork": Numbers(58, None),
}
_OTHER_PROCESSES: Final = {
    "ptrace": Numbers(101, 117),
    "process_vm_readv": Numbers(310, 270),
    "process_vm_writev": Numbers(311, 271),
    "process_madvise": Numbers(440, 440),
    "process_mrelease": Numbers(448, 448),
    "pidfd_open": Numbers(434, 434),
    "pidfd_getfd": Numbers(438, 438),
    "pidfd_send_signal": Numbers(424, 424),
    "kcmp": Numbers(312, 272),
    "tkill": Numbers(200, 130),
    "sched_setaffinity": Numbers(203, 122),
    "sched_setattr": Numbers(314, 274),
    "sched_setparam": Numbers(142, 118),
    "setpriority": Numbers(141, 140),
    "ioprio_set": Numbers(251, 30),
    "migrate_pages": Numbers(256, 238),
    "move_pages": Numbers(279, 239),
}
_SHARED_BY_NUMBER: Final = {
    "shmget": Numbers(29, 194),
    "shmat": Numbers(30, 196),
    "shmctl": Numbers(31, 195),
    "semget": Numbers(64, 190),
    "semop": Numbers(65, 193),
    "semtimedop": Numbers(220, 192),
    "semctl": Numbers(66, 191),
    "msgget": Numbers(68, 186),
    "msgsnd": Numbers(69, 189),
    "msgrcv": Numbers(70, 188),
    "msgctl": Numbers(71, 187),
    "mq_open": Numbers(240, 180),
    "mq_unlink": Numbers(241, 181),
}
_BESIDE_FILES: Final = {
    "chmod": Numbers(90, None),
    "fchmod": Numbers(91, 52),
    "fchmodat": Numbers(268, 53),
    "fchmodat2": Numbers(452, 452),
    "chown": Numbers(92, None),
    "fchown": Numbers(93, 55),
    "lchown": Numbers(94, None),
    "fchownat": Numbers(260, 54),
    "setxattr": Numbers(188, 5),
    "lsetxattr": Numbers(189, 6),
    "fsetxattr": Numbers(190, 7),
    "setxattrat": Numbers(463, 463),
    "removexattr": Numbers(197, 14),
    "lremovexattr": Numbers(198, 15),
    "fremovexattr": Numbers(199, 16),
    "removexattrat": Numbers(466, 466),
    "file_setattr": Numbers(469, 469),
    "utime": Numbers(132, None),
    "utimes": Numbers(235, None),
    "futimesat": Numbers(261, None),
    "utimensat": Numbers(280, 88),
    "inotify_init": Numbers(253, None),
    "inotify_init1": Numbers(294, 26),
    "inotify_add_watch": Numbers(254, 27),
    "fanotify_init": Numbers(300, 262),
    "fanotify_mark": Numbers(301, 263),
    "name_to_handle_at": Numbers(303, 264),
    "open_by_handle_at": Numbers(304, 265),
    "quotactl": Numbers(179, 60),
    "quotactl_fd": Numbers(443, 443),
}
_MACHINE: Final = {
    "swapon": Numbers(167, 224),
    "swapoff": Numbers(168, 225),
    "reboot": Numbers(169, 142),
    "settimeofday": Numbers(164, 170),
    "clock_settime": Numbers(227, 112),
    "clock_adjtime": Numbers(305, 266),
    "adjtimex": Numbers(159, 171),
    "sethostname": Numbers(170, 161),
    "setdomainname": Numbers(171, 162),
    "syslog": Numbers(103, 116),
    "acct": Numbers(163, 89),
    "init_module": Numbers(175, 105),
    "finit_module": Numbers(313, 273),
    "delete_module": Numbers(176, 106),
    "kexec_load": Numbers(246, 104),
    "kexec_file_load": Numbers(320, 294),
}
_AROUND_THE_FENCES: Final = {
    "io_uring_setup": Numbers(425, 425),
    "io_uring_enter": Numbers(426, 426),
    "io_uring_register": Numbers(427, 427),
    "bpf": Numbers(321, 280),
    "perf_event_open": Numbers(298, 241),
    "userfaultfd": Numbers(323, 282),
    "unshare": Numbers(272, 97),
    "setns": Numbers(308, 268),
    "mount": Numbers(165, 40),
    "umount2": Numbers(166, 39),
    "open_tree": Numbers(428, 428),
    "open_tree_attr": Numbers(467, 467),
    "move_mount": Numbers(429, 429),
    "fsopen": Numbers(430, 430),
    "fsmount": Numbers(432, 432),
    "mount_setattr": Numbers(442, 442),
    "pivot_root": Numbers(155, 41),
    "chroot": Numbers(161, 51),
    "keyctl": Numbers(250, 219),
    "add_key": Numbers(248, 217),
    "request_key": Numbers(249, 218),
}

REFUSED: Final = {
    **_PROGRAMS,
    **_OTHER_PROCESSES,
    **_SHARED_BY_NUMBER,
    **_BESIDE_FILES,
    **_MACHINE,
    **_AROUND_THE_FENCES,
}
"""Those that are refused whatever their arguments."""

OF_ITSELF: Final = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
"""Those whose first argument is a process, which may be the caller's own: `abort` needs one."""
