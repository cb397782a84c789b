/** Who the agent is where nobody has said otherwise: the persona, `SOUL.md` of the tools. */
export const defaultPersona = "You are a capable, honest assistant that runs on the user's own server."
