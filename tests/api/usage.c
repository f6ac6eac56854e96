/* SPDX-License-Identifier: MIT */
/*
 * tests/api/usage.c: each inline path and macro of the public header, used once
 * in code that is both C11 and C++17.  Compiled, not run: see headers.sh.
 */
#include <tricolor/tricolor.h>

struct list {
    struct list *next;
};

struct node {
    long key;
    struct node *left;
    struct node *right;
    struct list head;
    void *slots[4];
};

TRI_TYPE(node_type, struct node, left, right, head.next, slots);
TRI_TYPE(plain_type, struct list);

static struct tri_once once;
static struct tri_sem sem = TRI_SEM_INIT(3);

void use(void *anything);
void
use(void *anything)
{
    struct node *node = (struct node *)tri_new(&node_type);
    struct node *other = (struct node *)tri_new_array(&node_type, 3);
    TRI_STORE(&node->left, other);
    TRI_STORE(&node->right, NULL);
    TRI_STORE(&node->slots[2], anything);
    char *text = (char *)tri_alloc_noscan(100);
    text[0] = 'x';
    tri_keepalive(text);
    struct list *list = (struct list *)tri_new(&plain_type);
    tri_keepalive(list);
    struct tri_cleanup none = { 0, NULL };
    (void)tri_cleanup_stop(none);
    tri_once_do(&once, use, anything);
    tri_sem_acquire(&sem, 1);
    struct tri_select_case cases[2] = { { NULL, NULL, TRI_SELECT_RECV, false },
                                        { NULL, text, TRI_SELECT_SEND,
                                          false } };
    (void)tri_try_select(cases, 2);
}
