/* SPDX-License-Identifier: MIT */
/* The program around kernel_side.c. Exit 0: all notes were kept and dropped. */
#include <stdio.h>

int note_add(const char *text);
int notes_drop(void);

int main(void)
{
    for (int i = 0; i < 1000; i++) {
        char text[20];
        snprintf(text, sizeof(text), "note %d", i);
        if (note_add(text))
            return 1;
    }
    return notes_drop() == 1000 ? 0 : 2;
}
