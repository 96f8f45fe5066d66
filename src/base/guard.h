/* SPDX-License-Identifier: MIT */
/* base/guard.h — who holds which lock, in words that clang checks (-Wthread-safety). To other
 * compilers they are nothing.
 *
 * Source: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
 */
#ifndef BASE_GUARD_H
#define BASE_GUARD_H

#ifdef __clang__
#define GUARD_ATTRIBUTE(x) __attribute__((x))
#else
#define GUARD_ATTRIBUTE(x)
#endif

/* A type that can be held. */
#define CAPABILITY(name) GUARD_ATTRIBUTE(capability(name))

/* A member that is read and written only by who holds the lock. */
#define GUARDED_BY(lock) GUARD_ATTRIBUTE(guarded_by(lock))

/* A function that its caller holds the lock for; that takes it; that gives it up; that is called
 * without it. */
#define REQUIRES(lock) GUARD_ATTRIBUTE(requires_capability(lock))
#define ACQUIRES(lock) GUARD_ATTRIBUTE(acquire_capability(lock))
#define RELEASES(lock) GUARD_ATTRIBUTE(release_capability(lock))
#define EXCLUDES(lock) GUARD_ATTRIBUTE(locks_excluded(lock))

/* A function that is not looked into: the comment beside it says why it may. */
#define UNGUARDED GUARD_ATTRIBUTE(no_thread_safety_analysis)

#endif
