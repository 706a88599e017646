/** Preload for a process that kills itself at the point FAIL_POINT and writes its name to the file FAIL_FIRED. */
import { armAnswers } from './answers.ts'
import { armBytes } from './bytes.ts'
import { armProjections } from './projections.ts'
import { armRows } from './rows.ts'

armAnswers()
armBytes()
armProjections()
armRows()
