/*
 * ipc put shm|msg|sem KEY NUMBER: makes a System V object with this key, and puts a number into it.
 * ipc get shm|msg|sem KEY: says which number is in the object with this key, where there is one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

struct message {
  long type;
  int number;
};

/* Each program that uses it has to declare it: semctl(2). */
union semun {
  int val;
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int shared_memory(key_t key, const int *put) {
  int id = shmget(key, sizeof(int), put != NULL ? IPC_CREAT | 0600 : 0);
  if (id < 0) fail("shmget");
  int *memory = shmat(id, NULL, 0);
  if (memory == (void *)-1) fail("shmat");
  if (put != NULL) *memory = *put;
  return *memory;
}

static int message_queue(key_t key, const int *put) {
  struct message message = {.type = 1, .number = put != NULL ? *put : 0};
  int id = msgget(key, put != NULL ? IPC_CREAT | 0600 : 0);
  if (id < 0) fail("msgget");
  if (put != NULL && msgsnd(id, &message, sizeof message.number, IPC_NOWAIT) != 0) fail("msgsnd");
  if (put == NULL && msgrcv(id, &message, sizeof message.number, 0, IPC_NOWAIT) < 0) fail("msgrcv");
  return message.number;
}

static int semaphore(key_t key, const int *put) {
  int id = semget(key, put != NULL ? 1 : 0, put != NULL ? IPC_CREAT | 0600 : 0);
  if (id < 0) fail("semget");
  union semun value = {.val = put != NULL ? *put : 0};
  if (put != NULL && semctl(id, 0, SETVAL, value) < 0) fail("semctl");
  int number = semctl(id, 0, GETVAL);
  if (number < 0) fail("semctl");
  return number;
}

int main(int argc, char **argv) {
  int is_put = argc == 5 && strcmp(argv[1], "put") == 0;
  int is_get = argc == 4 && strcmp(argv[1], "get") == 0;
  if (!is_put && !is_get) {
    fprintf(stderr, "usage: %s put shm|msg|sem KEY NUMBER, or get shm|msg|sem KEY\n", argv[0]);
    return 64;
  }
  key_t key = (key_t)strtol(argv[3], NULL, 0);
  int number = is_put ? atoi(argv[4]) : 0;
  const int *put = is_put ? &number : NULL;
  int (*act)(key_t, const int *) = semaphore;
  if (strcmp(argv[2], "shm") == 0) act = shared_memory;
  if (strcmp(argv[2], "msg") == 0) act = message_queue;
  printf("%d\n", act(key, put));
  return 0;
}
