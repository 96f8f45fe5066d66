/* SPDX-License-Identifier: MIT */
/* The shells' sides of the completion. Each hands over the words as they stand and offers what
 * comes; names of files are the shell's own to find. */
#include "ctl/completion.h"
#include "ctl/json.h"
#include "ctl/verbs.h"

#include <stdio.h>
#include <string.h>

/* bash cuts --name=value in three where COMP_WORDBREAKS has '=', and replaces the last piece alone.
 */
static const char bash[] =
    "# bash completion of fmnistctl, for ~/.bashrc:  eval \"$(fmnistctl completion bash)\"\n"
    "_fmnistctl() {\n"
    "    local i word line value words=()\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if [[ ${#words[@]} -gt 0 && ${words[-1]} == --* ]] &&\n"
    "            [[ $word == '=' || ${COMP_WORDS[i - 1]} == '=' ]]; then\n"
    "            words[-1]+=$word\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "    done\n"
    "    value=${words[-1]}\n"
    "    [[ $value == --*=* ]] && value=${value#*=}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :file | :folder)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            [[ $line == :file ]] && line=-f || line=-d\n"
    "            mapfile -t COMPREPLY < <(compgen \"$line\" -- \"$value\")\n"
    "            ;;\n"
    "        *)\n"
    "            line=${line%%$'\\t'*}\n"
    "            [[ $line == --*=* && $COMP_WORDBREAKS == *=* ]] && line=${line#*=}\n"
    "            printf -v line %q \"$line\"\n"
    "            COMPREPLY+=(\"$line\")\n"
    "            ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _fmnistctl fmnistctl\n";

static const char zsh[] = "# zsh completion of fmnistctl, for ~/.zshrc behind compinit:\n"
                          "#   eval \"$(fmnistctl completion zsh)\"\n"
                          "_fmnistctl() {\n"
                          "    local line\n"
                          "    local -a names texts\n"
                          "    for line in \"${(@f)$($words[1] __complete "
                          "\"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
                          "        case $line in\n"
                          "        (:file|:folder)\n"
                          "            compset -P '--*='\n"
                          "            if [[ $line == :file ]]; then _files; else _files -/; fi\n"
                          "            return\n"
                          "            ;;\n"
                          "        (?*)\n"
                          "            names+=(\"${line%%$'\\t'*}\")\n"
                          "            texts+=(\"${line/$'\\t'/ -- }\")\n"
                          "            ;;\n"
                          "        esac\n"
                          "    done\n"
                          "    compadd -l -d texts -a names\n"
                          "}\n"
                          "compdef _fmnistctl fmnistctl\n";

static const char fish[] =
    "# fish completion of fmnistctl, for ~/.config/fish/config.fish:\n"
    "#   fmnistctl completion fish | source\n"
    "function __fmnistctl_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    set -l program $words[1]\n"
    "    set -e words[1]\n"
    "    for line in (command $program __complete $words \"$current\" 2>/dev/null)\n"
    "        set -l before (string match -r -- '^--[^=]*=' \"$current\")\n"
    "        set -l value (string replace -r -- '^--[^=]*=' '' \"$current\")\n"
    "        switch $line\n"
    "            case :file\n"
    "                printf '%s\\n' \"$before\"(__fish_complete_path \"$value\")\n"
    "            case :folder\n"
    "                printf '%s\\n' \"$before\"(__fish_complete_directories \"$value\")\n"
    "            case '*'\n"
    "                printf '%s\\n' $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c fmnistctl -f -a '(__fmnistctl_complete)'\n";

const struct completion_shell completion_shells[] = {
    {"bash", bash}, {"zsh", zsh}, {"fish", fish}, {NULL, NULL}};

static const char *find_script(const char *shell)
{
    const struct completion_shell *s = completion_shells;
    while (s->name && strcmp(s->name, shell) != 0)
        s++;
    return s->script;
}

int verb_completion(const struct invocation *in)
{
    const char *script = in->word_count ? find_script(in->words[0]) : NULL;
    if (script && in->json) {
        ctl_print_json(stdout, json_pack("{s:s, s:s}", "shell", in->words[0], "script", script));
        return EXIT_FINE;
    }
    if (script) {
        fputs(script, stdout);
        return EXIT_FINE;
    }
    if (in->word_count)
        return ctl_usage("completion: no shell \"%s\": want bash, zsh or fish", in->words[0]);
    return ctl_usage("completion: for which shell? bash, zsh or fish");
}
