#!/bin/sh
# Makes the French prompts of this folder anew: change a text, run it, listen, reload.
# Needs: apt-get install espeak-ng sox
# A practice's own recordings are better than this voice: put them here under a name of their own.
# Nothing that is said may promise that a message can be left: monoligne records nothing.
set -eu
cd "$(dirname "$0")"

# speak NAME TEXT: a robot's voice, cut to what a telephone carries, −3 dB at its loudest.
speak() {
    espeak-ng -v fr -s 150 -p 45 --stdout "$2" |
        sox -D -t wav --ignore-length - -r 8000 -c 1 -b 16 "$1.wav" \
            highpass 120 lowpass 3400 norm -3 pad 0.3 0.3
}

# melody NAME: sixteen soft notes, made to be played again and again.
melody() {
    notes="C4 E4 G4 E4 A3 C4 E4 C4 F3 A3 C4 A3 G3 B3 D4 B3"
    for note in $notes; do
        sox -D -n -r 8000 -c 1 -b 16 -t raw - \
            synth 0.75 sine "$note" synth 0.75 sine amod 5 90 fade q 0.03 0.75 0.35 norm -19
    done | sox -D -t raw -r 8000 -c 1 -b 16 -e signed-integer - "$1.wav"
}

# Outside opening hours.
speak closed "Bonjour. Le cabinet est fermé en ce moment. \
Merci de rappeler aux heures d'ouverture. \
En cas d'urgence médicale, raccrochez, et composez le quinze."

# On leave.
speak leave "Bonjour. Le cabinet est fermé pour congés. \
Merci de rappeler à son retour. Si vous ne pouvez pas attendre, consultez un autre médecin. \
En cas d'urgence médicale, raccrochez, et composez le quinze."

# Waited too long: every secretary is in a call.
speak overflow "Toutes nos secrétaires sont en ligne. \
Merci de rappeler dans quelques minutes. \
En cas d'urgence médicale, raccrochez, et composez le quinze."

# No secretary is there.
speak unavailable "Bonjour. Le secrétariat est injoignable en ce moment. \
Merci de rappeler un peu plus tard. \
En cas d'urgence médicale, raccrochez, et composez le quinze."

# To who answers where a call is forwarded to, again and again with a pause, until he presses 1. It says
# nothing of who calls: it may be heard by a voicemail box.
speak accept "Bonjour. Un appel pour le cabinet médical. \
Pour le prendre, tapez un."
sox -D accept.wav longer.wav pad 0 1.5 && mv longer.wav accept.wav

# To a secretary who dialled an emergency number, where the call cannot be put through.
speak emergency "Attention. Votre appel d'urgence n'a pas abouti. \
Raccrochez, et composez le numéro d'un autre téléphone, tout de suite. \
Je répète. Votre appel d'urgence n'a pas abouti. \
Composez le numéro d'un autre téléphone, tout de suite."

# While the other side holds the call.
melody hold
